"""Carries what Ray Tune hears from its trials to the ledger and to whoever wants to hear of progress."""

import contextlib
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from ray import tune
from ray.tune.experiment import Trial

from study.contract.records import EpochLine
from study.plan.packs import Pack
from study.results.ledger import Ledger

_LONGEST_ERROR = 4000
_OUT_OF_MEMORY = ("OutOfMemoryError", "RAY_memory_usage_threshold")  # what Ray's memory monitor says
_KILLED = "OOM killer"  # among the reasons that Ray names for a process that is gone


class Listener(Protocol):
    """Hears of every change, after the ledger; see study.terminal.progress."""

    def started(self, pack: Pack) -> None:
        """A pack began, or began again after a failure."""

    def computing(self, described: Mapping[str, str]) -> None:
        """A pack computes in a way that none of this session did before; see ``study.training.describe``."""

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None:
        """The runs of a pack finished an epoch; (trial_id, line) pairs."""

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""

    def ended(self, pack: Pack, error: str | None) -> None:
        """A pack ended by itself, was stopped or failed."""


class Listeners:
    """Several listeners as one, each told in turn."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def started(self, pack: Pack) -> None:
        """See ``Listener``."""
        for each in self._listeners:
            each.started(pack)

    def computing(self, described: Mapping[str, str]) -> None:
        """See ``Listener``."""
        for each in self._listeners:
            each.computing(described)

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None:
        """See ``Listener``."""
        for each in self._listeners:
            each.epoch(pack, lines)

    def interrupted(self) -> None:
        """See ``Listener``."""
        for each in self._listeners:
            each.interrupted()

    def ended(self, pack: Pack, error: str | None) -> None:
        """See ``Listener``."""
        for each in self._listeners:
            each.ended(pack, error)


class LedgerCallback(tune.Callback):
    """The only writer of records: hands every reported epoch to the ledger, which waits until it is on the disk.

    Args:
        packs: by pack_id, those that Ray Tune has been given; grows.
        ledger: is told first.
        listener: is told afterwards.
    """

    def __init__(self, packs: Mapping[str, Pack], ledger: Ledger, listener: Listener) -> None:
        self._packs, self._ledger, self._listener = packs, ledger, listener
        self._computations: list[dict[str, str]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles callbacks into its own state, which this project does not restore from."""
        return {}

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        """Acknowledge Ctrl-C at once: Ray Tune takes seconds to stop its trials, and says nothing meanwhile."""
        tune_handler = signal.getsignal(signal.SIGINT)
        if not callable(tune_handler):
            return

        def acknowledge(number: int, frame: FrameType | None) -> None:
            self._listener.interrupted()
            tune_handler(number, frame)  # which puts back the handler that was there before Ray Tune's

        signal.signal(signal.SIGINT, acknowledge)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray gave the pack its resources."""
        storage = trial.storage
        directory = None if storage is None else f"{storage.experiment_dir_name}/{storage.trial_dir_name}"
        self._ledger.start(self._pack_of(trial), directory)
        self._listener.started(self._pack_of(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """The pack reported an epoch of its runs."""
        # Taken out, so that Ray's own loggers do not write every row a second time.
        lines: list[tuple[str, EpochLine]] = result.pop("lines", [])
        computation: dict[str, str] | None = result.pop("computation", None)
        if computation is not None and computation not in self._computations:
            self._computations.append(computation)
            self._listener.computing(computation)
        by_record: dict[str, list[EpochLine]] = {}
        for trial_id, line in lines:
            by_record.setdefault(trial_id, []).append(line)
        self._ledger.record(by_record)
        self._listener.epoch(self._pack_of(trial), lines)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The pack ended by itself or by its scheduler."""
        self._end(trial, None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The pack failed more often than it may."""
        resources: Any = trial.placement_group_factory
        cpus = resources.required_resources.get("CPU", 1)
        self._end(trial, _advised(_last_failure(_error_of(trial)), self._pack_of(trial), cpus))

    def _end(self, trial: Trial, error: str | None) -> None:
        pack = self._pack_of(trial)
        self._ledger.end(pack, error=error)
        self._listener.ended(pack, error)

    def _pack_of(self, trial: Trial) -> Pack:
        return self._packs[trial.config["pack"]["pack_id"]]


def _advised(error: str, pack: Pack, cpus: float) -> str:
    """The error; where memory was short, with a last line that says what to do, instead of Ray's of Ray's settings.

    Args:
        error: as Ray has it.
        pack: that failed.
        cpus: of each pack.
    """
    if any(word in error for word in _OUT_OF_MEMORY):
        reason = "out of memory: Ray ended the process before the machine's memory was used up"
    elif _KILLED in error:
        reason = "the process was killed, perhaps by the kernel for want of memory"
    else:
        return error
    smaller = f", or smaller packs: --set resources.pack={len(pack.runs) // 2}" if len(pack.runs) > 1 else ""
    advice = f"(--resume --set resources.cpus={max(2, round(2 * cpus))}{smaller})"
    return f"{error}\n{reason}. Fewer processes at once need less {advice}"


def _error_of(trial: Trial) -> str:
    """What Ray noted of the failures of a trial: in its temporary folder at first, later in the results directory."""
    with contextlib.suppress(OSError):
        if trial.error_file is not None:
            return Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    return str(trial.get_error() or "unknown error")


def _last_failure(text: str) -> str:
    """The last of the failures that Ray lists, without a terminal's colours; all of them are in Ray's error.txt."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    return plain[plain.rfind("Failure #") :].strip()[-_LONGEST_ERROR:] if "Failure #" in plain else plain.strip()
