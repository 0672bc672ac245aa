"""The checkpoints of earlier sessions: the states that runs go on from, and the rows that records have lost."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.contract.files import STATE_FILE
from study.contract.records import EpochLine, as_format_2
from study.plan.planned import PlannedRun, RunKey
from study.plan.population import origin_of
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.tuning.state_files import load_state

if TYPE_CHECKING:
    from study.training.loop import RunState

StateRef = tuple[Path, int]  # a state file, and a run's place in it


@dataclass
class Found:
    """What checkpoints give to go on from.

    Attributes:
        states: of each run that need not start from nothing.
        problems: files that could not be read, and what was done instead.
    """

    states: dict[RunKey, StateRef] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Content:
    """What is needed of a state file: its runs, the epoch of each, and the lines it carries."""

    runs: list[RunKey]
    epochs: list[int]
    lines: list[tuple[str, EpochLine]]


def find_states(ledger: Ledger, results: ResultsDirectory) -> Found:
    """Put back the rows that records have lost, and find the newest state of every run that is left.

    A process killed while it wrote a checkpoint leaves a torn one; the one before it is then used.

    Raises:
        OSError: a checkpoint is there and cannot be read, which may pass (a permission, a stale file handle).
    """
    found = Found()
    listing = _list_checkpoints(results)
    read: dict[Path, _Content | None] = {}
    for run in ledger.remaining():
        for file in _candidates(ledger, run, listing):
            if file not in read:
                read[file] = _read(file, ledger, found.problems)
            if (content := read[file]) is not None:
                _put_back(ledger, content)
                if (place := _place_of(ledger, run, content)) is not None:
                    found.states[run.key] = file, place
                    break
    return found


class LostStateError(LookupError):
    """The state that a member of a population took over is gone or damaged.

    Attributes:
        run: whose state it was.
        epoch: after which epoch.
    """

    def __init__(self, run: RunKey, epoch: int) -> None:
        super().__init__(f"the checkpoint of {run[0]}, seed {run[1]}, after epoch {epoch} is gone or damaged")
        self.run, self.epoch = run, epoch


class States:
    """Finds the states of the members of a population.

    Args:
        ledger: knows the packs and the exchanges.
        results: the directory, as it is now.
    """

    def __init__(self, ledger: Ledger, results: ResultsDirectory) -> None:
        self._ledger, self._listing = ledger, _list_checkpoints(results)
        self._read: dict[Path, _Content | None] = {}

    def of_member(self, run: RunKey, done: int) -> StateRef | None:
        """The newest state of a member's run that is no further than its record; None for its beginning.

        After an exchange that is its own, or that of the run whose place it took.

        Raises:
            LostStateError: the state that it took over is gone or damaged.
        """
        origin, _ = origin_of(run[0], self._ledger.exchanges, done)
        own = self._newest(run, origin.epoch if origin else 0, done)
        if own is not None or origin is None:
            return own
        taken = self._newest((origin.trial_id, run[1]), origin.epoch - 1, origin.epoch)
        if taken is None:
            raise LostStateError((origin.trial_id, run[1]), origin.epoch)
        return taken

    def _newest(self, run: RunKey, after: int, until: int) -> StateRef | None:
        newest, found = after, None
        for pack in self._ledger.packs_with(run):
            for file in self._listing.get(pack, ()):
                if file not in self._read:
                    self._read[file] = _read(file, self._ledger, [])
                content = self._read[file]
                if content is not None and run in content.runs:
                    place = content.runs.index(run)
                    # A pack that only made a lost state again is newer than those that trained further.
                    if newest < content.epochs[place] <= until:
                        newest, found = content.epochs[place], (file, place)
                        if newest == until:
                            return found
        return found


def newest_state(ledger: Ledger, results: ResultsDirectory, run: PlannedRun) -> "tuple[RunState | None, list[str]]":
    """The newest readable state of a run, ended or not, and what could not be read; writes nothing.

    Raises:
        OSError: a checkpoint is there and cannot be read.
    """
    from study.training.loop import run_states

    problems: list[str] = []
    newest, found = 0, None
    for file in _candidates(ledger, run, _list_checkpoints(results)):
        content = _read(file, ledger, problems)
        if content is not None and (place := _place_of(ledger, run, content)) is not None:
            if content.epochs[place] > newest:
                newest, found = content.epochs[place], (file, place)
            if newest == ledger.runs[run.key].epochs_done:
                break
    return None if found is None else run_states(load_state(found[0])["training"])[found[1]], problems


def next_session(folder: Path) -> str:
    """The name of a new Ray Tune experiment below trials/."""
    taken = [path.name.removeprefix("session-") for path in folder.glob("session-[0-9]*")]
    return f"session-{max((int(number) for number in taken if number.isdecimal()), default=0) + 1:03d}"


def _list_checkpoints(results: ResultsDirectory) -> dict[str, list[Path]]:
    """The state files below trials/, by what their pack's folder begins with, the newest first."""
    # session-<n>/<pack>_.../checkpoint_<n>/state.pt: both numbers are padded, so that names sort by age.
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(results.trials.resolve().glob(f"session-*/*/checkpoint_*/{STATE_FILE}"), reverse=True):
        found[file.parents[1].name.partition("_")[0]].append(file)
    return found


def _candidates(ledger: Ledger, run: PlannedRun, listing: dict[str, list[Path]]) -> Iterator[Path]:
    for pack in ledger.packs_with(run.key):
        yield from listing.get(pack, ())
    # The first format had a folder for each configuration.
    for member in ledger.family(run.key).runs:
        yield from listing.get(member.trial_id, ())


def _place_of(ledger: Ledger, run: PlannedRun, content: _Content) -> int | None:
    """Where the file has a state of the run, or of one of its family, with no epoch that its record lacks."""
    done = ledger.runs[run.key].epochs_done
    family = {member.key for member in ledger.family(run.key).runs}
    places = [
        place
        for place, (key, epoch) in enumerate(zip(content.runs, content.epochs, strict=True))
        if key in family and 0 < epoch <= done
    ]
    return max(places, key=lambda place: content.epochs[place], default=None)


def _put_back(ledger: Ledger, content: _Content) -> None:
    by_record: dict[str, list[EpochLine]] = {}
    for trial_id, line in content.lines:
        by_record.setdefault(trial_id, []).append(line)
    ledger.record(by_record)
    content.lines.clear()


def _read(file: Path, ledger: Ledger, problems: list[str]) -> _Content | None:
    """The content of a state file; None, and a word about it, if it is damaged."""
    # torch takes seconds to import, and only a study that goes on needs it here.
    from study.training.loop import run_states

    try:
        content = load_state(file)
        epochs = [int(state["epoch"]) for state in run_states(content["training"])]
        runs, lines = _runs_of(file, content, ledger)
        if len(runs) != len(epochs):
            raise ValueError(f"{len(epochs)} states of {len(runs)} runs")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problems.append(f"{file}: damaged ({error}); an earlier checkpoint is used, or the runs start again")
        return None
    return _Content(runs, epochs, lines)


def _runs_of(file: Path, content: dict[str, Any], ledger: Ledger) -> tuple[list[RunKey], list[tuple[str, EpochLine]]]:
    if "runs" in content:
        return [(str(name), int(seed)) for name, seed in content["runs"]], list(content["lines"])
    # The first format: the folder names the configuration, whose record names the seeds.
    trial_id = file.parents[1].name.partition("_")[0]
    seeds = ledger.seeds_of_format_1(trial_id)
    return [(trial_id, seed) for seed in seeds], [(trial_id, as_format_2(row, seeds)) for row in content["rows"]]
