"""Records and plan.jsonl with flipped and missing bytes: a study that goes on ends with the undisturbed numbers."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analysis.records import curves_of, read_records
from study.contract.axes import Configuration
from study.contract.lines import parse_lines
from study.contract.records import EpochLine
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import DamagedError, open_ledger
from study.results.paths import ResultsDirectory
from tests.faults.damage import damaged
from tests.study.lines import line

PLANNED = [
    Planned(Configuration(num_blocks=0, epochs=3), (0, 1)),
    Planned(Configuration(num_blocks=1, epochs=3), (0, 1)),
]


def trained() -> dict[str, list[EpochLine]]:
    """What the packs of the study report; every value stands for its place."""
    return {
        f"{number:04d}": [line(epoch, (0, 1), value=20.0 * number + epoch) for epoch in (1, 2, 3)] for number in (0, 1)
    }


def go_on(results: ResultsDirectory) -> list[str]:
    """Open the directory as a session does and train whatever is left; what was found wrong."""
    results.records.mkdir(exist_ok=True)
    ledger, problems = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for(PLANNED)
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001") if ledger.remaining() else (None,)
    ledger.record({name: lines for name, lines in by_name(ledger).items() if pack})
    assert ledger.outcome == "completed"
    return problems


def by_name(ledger: Ledger) -> dict[str, list[EpochLine]]:
    """The lines of each configuration under the name that it has in this directory."""
    names = {status.planned.run.configuration: key[0] for key, status in ledger.runs.items()}
    return {names[planned.configuration]: lines for planned, lines in zip(PLANNED, trained().values(), strict=True)}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """What an undisturbed study leaves, by path."""
    folder = tmp_path_factory.mktemp("whole")
    assert go_on(ResultsDirectory(folder)) == []
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.jsonl")}


@contextmanager
def study_of(files: dict[str, bytes], folder: Path) -> Iterator[ResultsDirectory]:
    (folder / "records").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    yield ResultsDirectory(folder)
    for file in folder.rglob("*.jsonl"):
        file.unlink()


def lost(before: bytes, after: bytes) -> bool:
    """Whether a line can be read no longer; one whose key "crc32" alone is another now can."""
    left = [content for _, content in parse_lines(after, "")[0]]
    return any(not any(content.items() <= each.items() for each in left) for _, content in parse_lines(before, "")[0])


def goes_on(files: dict[str, bytes], folder: Path, count: int, seed: int) -> None:
    rng = random.Random(seed)
    with study_of(files, folder):
        whole = curves_of(read_records(folder)[0]).drop(columns="trial_id")
    for number in range(count):
        name = rng.choice(sorted(files))
        content = damaged(files[name], rng)
        with study_of(files | {name: content}, folder) as results:
            try:
                problems = go_on(results)
            except DamagedError as error:
                assert str(folder) in str(error)  # noqa: PT017
                continue
            if lost(files[name], content) and not files[name].startswith(content):
                assert problems, (seed, number, name)
            curves = curves_of(read_records(folder)[0]).drop(columns="trial_id")
            ordered = curves.sort_values(["num_blocks", "seed", "epoch"], ignore_index=True)
            assert ordered.equals(whole), (seed, number, name)


def test_what_is_damaged_is_named_and_trained_again(tmp_path, files):
    goes_on(files, tmp_path, 200, seed=1)


@pytest.mark.slow
def test_a_thousand_times(tmp_path, files):
    goes_on(files, tmp_path, 1000, seed=2)
