"""Keeps other programs' copies of the curves in step with the records, beside the training and at its end."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from study.contract.records import RunEpoch, read_record
from study.plan.planned import RunKey
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.results.run_status import RunStatus

SECONDS_BETWEEN_LOOKS = 5.0
PART_OF_THE_TIME = 0.1  # that looking may take at most

Place = tuple[int, str]  # epochs of a run, and its state


class Tracker(Protocol):
    """Takes runs into another program.

    Attributes:
        name: of the program.
        live: whether it takes runs that still train; else it is given them once, at the end of a session.
    """

    name: str
    live: bool

    def show(self, status: RunStatus, epochs: Sequence[RunEpoch]) -> None:
        """A run has changed.

        Args:
            status: where it stands.
            epochs: all that its record holds; those that the program has already are not added again.
        """


class Mirror:
    """Shows every run to each tracker whenever it has changed, from the records alone.

    A tracker that fails ends no study: the next look tries again, and so does the next session.

    Args:
        trackers: to keep in step.
        ledger: knows the runs; it may gain some meanwhile.
        results: whose records hold the curves.
        warn: is told of what could not be handed over.
    """

    def __init__(
        self, trackers: Sequence[Tracker], ledger: Ledger, results: ResultsDirectory, warn: Callable[[str], None]
    ) -> None:
        self._trackers, self._ledger, self._results, self._warn = trackers, ledger, results, warn
        self._shown: dict[tuple[str, RunKey], Place] = {}
        self._warned: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)

    def __enter__(self) -> Self:
        if any(tracker.live for tracker in self._trackers):
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if error is not None:
            return
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=0.2)  # in pieces, so that Ctrl-C is heard
            for tracker in self._trackers:
                self._look(tracker)
        except KeyboardInterrupt:
            self._warn("interrupted: not everything was handed to other programs; --resume does that")

    def _look_again_and_again(self) -> None:
        pause = SECONDS_BETWEEN_LOOKS
        while not self._ending.wait(pause):
            start = time.monotonic()
            for tracker in self._trackers:
                if tracker.live:
                    self._look(tracker)
            pause = max(SECONDS_BETWEEN_LOOKS, (time.monotonic() - start) / PART_OF_THE_TIME)

    def _look(self, tracker: Tracker) -> None:
        """Show what has changed; whatever goes wrong in another program is a warning, once."""
        try:
            self._show(tracker, self._changed(tracker))
        except Exception as error:
            if tracker.name not in self._warned:
                self._warned.add(tracker.name)
                reason = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
                self._warn(
                    f"warning: {tracker.name} does not have all curves: {reason}. The study goes on without; "
                    "--resume hands over what is missing"
                )

    def _changed(self, tracker: Tracker) -> dict[str, list[tuple[RunStatus, Place]]]:
        """By trial_id, the runs that have trained and have changed since they were shown, with how far they are now."""
        found: dict[str, list[tuple[RunStatus, Place]]] = {}
        for status in list(self._ledger.runs.values()):
            place = (status.epochs_done, status.state)
            if status.epochs_done and place != self._shown.get((tracker.name, status.planned.key)):
                found.setdefault(status.planned.trial_id, []).append((status, place))
        return found

    def _show(self, tracker: Tracker, changed: Mapping[str, Sequence[tuple[RunStatus, Place]]]) -> None:
        for trial_id, each in changed.items():
            # Read after the ledger was asked: it holds at least the epochs that the ledger knew of.
            record, _ = read_record(self._results.record(trial_id))
            runs = record.runs() if record else {}
            for status, place in each:
                tracker.show(status, list(runs.get(status.planned.run.seed, {}).values()))
                self._shown[tracker.name, status.planned.key] = place
