"""Packs on a real Ray, with the ledger that writes what they report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import tune

from study.contract.axes import Configuration
from study.contract.records import EpochLine
from study.growth.supply import FixedPacks
from study.plan.packs import Pack
from study.plan.planned import Planned, PlannedRun, RunKey
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import Study, load_study
from study.space.sections import Stop
from study.tuning.callback import LedgerCallback
from study.tuning.checkpoints import StateRef
from study.tuning.trainable import PackSettings, PackTrainable
from study.tuning.tuner import PackSearcher, make_tuner
from tests.helpers import tiny_data
from tests.study.commands import write_space


class Silence:
    """A listener that says nothing."""

    def started(self, pack: Pack) -> None: ...

    def computing(self, described: Mapping[str, str]) -> None: ...

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None: ...

    def interrupted(self) -> None: ...

    def ended(self, pack: Pack, error: str | None) -> None: ...


def a_study(folder: Path) -> Study:
    return load_study(write_space(folder, "name: a\nspace: {num_blocks: 1, epochs: 1}\nseeds: 2\n"))


def fit(
    folder: Path,
    planned: Sequence[Planned],
    groups: Sequence[Sequence[RunKey]] | None = None,
    *,
    trainable: type[PackTrainable] = PackTrainable,
    gpus: float = 0,
    states: Mapping[RunKey, StateRef] | None = None,
    stop_when_diverged: bool = False,
    stop: Stop | None = None,
    validation: int = 0,
) -> tuple[Ledger, tune.ResultGrid]:
    """Run the planned runs in packs of these, or in one, to their end."""
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, _ = open_ledger(results, stop_when_diverged=stop_when_diverged, stop=stop or Stop())
    ledger.ask_for(planned)
    ledger.copy_beginnings()
    runs: list[list[PlannedRun]] = [ledger.remaining()]
    if groups is not None:
        runs = [[ledger.runs[key].planned for key in group] for group in groups]
    session = f"session-{len(list(results.trials.glob('*'))) + 1:03d}"
    packs = ledger.form_packs(runs, session)
    given: dict[str, Pack] = {}
    settings = PackSettings("float32", stop_when_diverged=stop_when_diverged, cpus=1, stop=stop or Stop())
    with_data: Any = tune.with_parameters(trainable, data=tiny_data(validation=validation), settings=settings)
    callback = LedgerCallback(given, ledger, Silence())
    searcher = PackSearcher(FixedPacks(packs), states or {}, given)
    resources = {"CPU": 1, "GPU": gpus}
    outcome = make_tuner(searcher, with_data, resources, a_study(folder), results, session, [callback]).fit()
    ledger.interrupt()
    return ledger, outcome


def numbers(folder: Path, trial_id: str) -> dict[int, list[tuple[object, ...]]]:
    """What was computed of each seed of a configuration, epoch by epoch."""
    from study.contract.records import read_record

    record, problems = read_record(folder / "records" / f"{trial_id}.jsonl")
    assert record is not None
    assert problems == []
    return {
        seed: [
            (e.epoch, e.iterations, e.train_loss, e.train_accuracy, e.test_accuracy, e.diverged)
            for e in epochs.values()
        ]
        for seed, epochs in record.runs().items()
    }


SMALL = Configuration(num_blocks=1, lr=0.05, epochs=2)
