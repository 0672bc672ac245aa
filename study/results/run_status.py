"""Where a run stands: a row of the ledger."""

from dataclasses import dataclass, field

from study.contract.records import EpochLine
from study.contract.states import State, StopReason
from study.plan.planned import PlannedRun


@dataclass
class RunStatus:
    """A row of trials.parquet: where a run stands.

    Attributes:
        planned: the run.
        state: see ``study.contract.states``.
        epochs_done: that its record holds from the first on, without a gap.
        diverged: whether its loss was not finite in the last of these.
        error: why it failed.
        started: UTC, ISO 8601; of its last start.
        ended: likewise.
        host: machine of its last epoch.
        device: of its last epoch.
        pack: that trains it, or did last.
        directory: of that pack below trials/.
        last: the line of its last epoch, which other runs may stand in too.
        reason: why it was stopped.
        validation: accuracy on the held-out images after each epoch, in percent, of the epochs that the record holds.
        finished: UTC, ISO 8601, of the same epochs.
    """

    planned: PlannedRun
    state: State = "planned"
    epochs_done: int = 0
    diverged: bool = False
    error: str | None = None
    started: str | None = None
    ended: str | None = None
    host: str | None = None
    device: str | None = None
    pack: str | None = None
    directory: str | None = None
    last: EpochLine | None = None
    reason: StopReason | None = None
    validation: dict[int, float] = field(default_factory=dict)
    finished: dict[int, str] = field(default_factory=dict)
    _beyond: set[int] = field(default_factory=set)  # epochs that the record holds behind a gap

    @property
    def epochs_left(self) -> int:
        """Until its planned epochs."""
        return self.planned.run.configuration.epochs - self.epochs_done

    def holds(self, epoch: int) -> bool:
        """Whether the record holds an epoch."""
        return epoch <= self.epochs_done or epoch in self._beyond

    def add(self, line: EpochLine) -> None:
        """The record holds one more epoch."""
        epoch, place = line["epoch"], line["seeds"].index(self.planned.run.seed)
        self._beyond.add(epoch)
        if line["validation_accuracy"] is not None:
            self.validation[epoch] = line["validation_accuracy"][place]
        self.finished[epoch] = line["finished"]
        while self.epochs_done + 1 in self._beyond:
            self.epochs_done += 1
            self._beyond.remove(self.epochs_done)
        if epoch == self.epochs_done:
            self.diverged, self.host, self.device = line["diverged"][place], line["host"], line["device"]
            self.last = line

    def row(self) -> dict[str, object]:
        """As a row, the axes in columns of their own."""
        planned = self.planned
        return {
            "trial_id": planned.trial_id,
            "stage": planned.stage,
            **planned.run.configuration.as_dict(),
            "seed": planned.run.seed,
            "state": self.state,
            "epochs_done": self.epochs_done,
            "reason": self.reason,
            "error": self.error,
            "started": self.started,
            "ended": self.ended,
            "host": self.host,
            "device": self.device,
            "pack": self.pack,
            "directory": self.directory,
        }
