"""The table of throughput: all cases in turn, repeated, then each once more for its parts and memory."""

import dataclasses
import importlib.util
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from benchmarks.cases import PARTS, TIME, Case, Network, table_of
from benchmarks.processes import CaseError, Measurement, measure, say_what_runs
from benchmarks.tables import Row, throughput_table
from benchmarks.tune_case import command_rate, epochs_rate, laid_out, run_study, whole
from study.results.machine import available_cpus

_NEEDS = {"notebook": "torchvision", "study": "torch", "tune": "ray"}


@dataclasses.dataclass(frozen=True)
class Images:
    """The images that all cases share.

    Attributes:
        folder: where ``lay_out`` put them.
        share: what part of a model-epoch a run's epoch on them is.
        source: --data and --data-dir of study.run that give the very same; None where nothing does.
    """

    folder: Path
    share: float
    source: tuple[str, Path] | None

    def arguments(self) -> list[str]:
        """For ``run_study``."""
        return whole(*self.source) if self.source else laid_out(self.folder)


def run(
    network: Network,
    images: Images,
    repetitions: int,
    replicas: list[int],
    tune: tuple[int, int],
    skip: Collection[str],
) -> tuple[str, dict[str, Any], bool]:
    """Measure every case.

    Args:
        network: what they train.
        images: what on.
        repetitions: of the timed passes.
        replicas: numbers of runs side by side.
        tune: seeds and epochs of a trial of Ray Tune.
        skip: kinds of cases to leave out.

    Returns:
        The table, the values behind it, and whether no case failed.
    """
    cases = [case for case in table_of(network, available_cpus(), replicas, tune) if case.kind not in skip]
    rows: dict[str, Row] = {}
    passes: list[dict[str, Any]] = []
    complete = True
    # The parts first: that pass also compiles the kernels and brings everything into the system's caches.
    for number, task in enumerate([PARTS, *[TIME] * repetitions]):
        for case in cases:
            say_what_runs(f"{number}/{repetitions} {case.name}")
            if not importlib.util.find_spec(_NEEDS[case.kind]):
                rows[case.name] = Row(case.name, problem=f"{_NEEDS[case.kind]} is not installed")
                continue
            try:
                for name, found in _measured(case, images, task):
                    row = rows.setdefault(name, Row(name))
                    _add(row, found, task)
                    passes.append({"pass": number, "task": task, "case": name, "found": dataclasses.asdict(found)})
            except CaseError as error:
                complete = False
                for row in _rows_of(case, rows):
                    row.problem = str(error)
                    if task == TIME:
                        row.rates.append(None)
    say_what_runs("")
    reference = next((rows[case.name] for case in cases if case.kind == "notebook" and case.name in rows), None)
    table = throughput_table(list(rows.values()), reference)
    return table, {"rows": [row.to_json(reference) for row in rows.values()], "passes": passes}, complete


def _add(row: Row, found: Measurement, task: str) -> None:
    if task == PARTS:
        row.parts_pass = found
    else:
        row.rates.append(found.rate)


def _rows_of(case: Case, rows: dict[str, Row]) -> list[Row]:
    """The rows that a failed case would have added to."""
    names = _tune_names(case) if case.kind == "tune" else (case.name,)
    return [rows.setdefault(name, Row(name)) for name in names]


def _measured(case: Case, images: Images, task: str) -> Iterator[tuple[str, Measurement]]:
    """One pass over a case; Ray Tune gives two rows, with and without the time to start and end it."""
    if case.kind != "tune":
        yield case.name, measure(case, images.folder, task)
        return
    found = run_study(case, images.arguments(), task)
    rates = (epochs_rate(found, case, images.share), command_rate(found, case, images.share))
    for name, rate in zip(_tune_names(case), rates, strict=True):
        computation = found.packs[0].computation
        yield name, Measurement(rate, computation, memory_mib=found.memory_mib, details=found.details())


def _tune_names(case: Case) -> tuple[str, str]:
    trials = f"{case.processes} trial{'s' if case.processes > 1 else ''} of {case.replicas} seeds"
    count = case.processes * case.replicas * case.epochs
    return f"Ray Tune, {trials}: its epochs", f"Ray Tune, the whole command ({count} model-epochs)"
