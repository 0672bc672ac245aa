"""The ledger: the one owner of the state of every run and of every change of it.

What was trained stands in the records, what was asked for and how it ended otherwise in plan.jsonl; the ledger reads
both once, and writes both from then on. Its table, trials.parquet, can be made again from them at any time.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from study.contract.files import FORMAT
from study.contract.records import EpochLine, Header, part_of
from study.contract.states import ENDED, State, StopReason
from study.plan.beginnings import Family, families
from study.plan.packs import Pack
from study.plan.planned import Planned, PlannedRun, RunKey
from study.plan.stopping import stop_reason
from study.results.clock import now
from study.results.files import append_lines, replacing
from study.results.history import History
from study.results.paths import ResultsDirectory
from study.results.plan_file import End, PlanFile
from study.space.sections import Stop

SECONDS_BETWEEN_WRITES = 10.0


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


class Ledger:
    """Every run of a study with its state; changes states, and writes records, plan.jsonl and trials.parquet.

    Args:
        results: the directory; nothing is written before the first call that changes something.
        plan: what was asked for so far.
        history: what the records hold.
        stop_when_diverged: whether a run that has diverged trains no further, and so is complete.
        stop: when a run has trained enough.

    Attributes:
        runs: by trial_id and seed, in the order of the plan.
    """

    def __init__(
        self, results: ResultsDirectory, plan: PlanFile, history: History, *, stop_when_diverged: bool, stop: Stop
    ) -> None:
        self.runs: dict[RunKey, RunStatus] = {}
        self._results, self._plan, self._history = results, plan, history
        self._stop_when_diverged, self._stop_rules = stop_when_diverged, None if stop == Stop() else stop
        self._family_of: dict[RunKey, Family] = {}
        self._written = float("-inf")
        self._cost_of_writing = 0.0
        self._follow_plan()

    @property
    def planned(self) -> list[Planned]:
        """All that was asked for so far."""
        return list(self._plan.configurations.values())

    @property
    def outcome(self) -> Literal["completed", "failed", "interrupted"]:
        """How a session that is over has left the study: all runs ended, some failed, or some are still to train."""
        found = {status.state for status in self.runs.values()}
        if found - ENDED - {"failed"}:
            return "interrupted"
        return "failed" if "failed" in found else "completed"

    def ask_for(self, wanted: Iterable[Planned]) -> None:
        """Add runs to the plan; what it holds already stays as it is."""
        self._plan.add(wanted)
        self._follow_plan()

    def remaining(self) -> list[PlannedRun]:
        """The runs to train: of each family the longest, where it has not ended."""
        found = dict.fromkeys(self._family_of[key].longest.key for key in self.runs)
        return [self.runs[key].planned for key in found if self.runs[key].state not in ENDED]

    def family(self, key: RunKey) -> Family:
        """The runs that are parts of one computation with this one."""
        return self._family_of[key]

    def form_packs(self, groups: Sequence[Sequence[PlannedRun]], session: str) -> list[Pack]:
        """Name packs of these runs and write them down."""
        return self._plan.form(groups, session)

    def packs_with(self, key: RunKey) -> list[str]:
        """The packs that trained a run or another of its family, the newest first."""
        family = {run.key for run in self._family_of[key].runs}
        return [name for name, runs in reversed(self._plan.packs.items()) if not family.isdisjoint(runs)]

    def seeds_of_format_1(self, trial_id: str) -> tuple[int, ...]:
        """The seeds of a configuration whose record the first version began, in its order; empty for others."""
        return self._history.seeds_of_format_1(trial_id)

    def start(self, pack: Pack, directory: str | None) -> None:
        """A process began with a pack, or began again after a failure."""
        for run in pack.runs:
            status = self.runs[run.key]
            if status.state not in ENDED:
                status.state, status.started, status.ended, status.error = "running", now(), None, None
            status.pack, status.directory = pack.pack_id, directory
        self.write_table()

    def record(self, lines: Mapping[str, Sequence[EpochLine]]) -> None:
        """Add epochs to the records and wait until they are on the disk; what they hold already is left out.

        Args:
            lines: by trial_id.

        Raises:
            OSError: they cannot be written; the states are then as before.
        """
        for trial_id, each in self._with_beginnings(lines).items():
            new = self._missing_of(trial_id, each)
            if new:
                self._append(trial_id, new)
                for line in new:
                    self._note(trial_id, line)
        self.write_table()

    def end(self, pack: Pack, *, error: str | None = None) -> None:
        """A pack ended; those of its runs that are not complete were stopped by a scheduler, or failed."""
        left = [run.key for run in pack.runs if self.runs[run.key].state == "running"]
        if left and error is None:
            self._stop([self.runs[key] for key in left], pack.pack_id, "scheduler")
        elif left and error is not None:
            self._plan.end(pack.pack_id, left, End("failed", error=error.strip().splitlines()[-1]))
            for key in left:
                self.runs[key].state, self.runs[key].error, self.runs[key].ended = "failed", error, now()
        self.write_table()

    def stop(self, runs: Iterable[RunKey], reason: StopReason) -> None:
        """Runs that no process trains are not to be trained any further."""
        for key in runs:
            if self.runs[key].state not in ENDED:
                self._stop([self.runs[key]], next(iter(self.packs_with(key)), None), reason)

    def interrupt(self) -> None:
        """The session is over; what still runs was interrupted."""
        for status in self.runs.values():
            if status.state == "running":
                status.state = "interrupted"
        self.write_table(at_once=True)

    def write_table(self, *, at_once: bool = False) -> None:
        """Write trials.parquet whole, unless it was written a moment ago.

        Raises:
            OSError: it cannot be written.
        """
        start = time.monotonic()
        # The larger the table, the rarer: it takes a fiftieth of the driver's time at most.
        if not at_once and start - self._written < max(SECONDS_BETWEEN_WRITES, 50 * self._cost_of_writing):
            return
        # Takes a second to import: a session that only checks something need not wait for it.
        import pandas as pd

        with replacing(self._results.trials_table) as temporary:
            pd.DataFrame([status.row() for status in self.runs.values()]).to_parquet(temporary, index=False)
        self._written = time.monotonic()
        self._cost_of_writing = self._written - start

    def _follow_plan(self) -> None:
        """Take up runs that the plan has gained; states come from the records and from how runs ended."""
        for planned in self._plan.runs:
            if planned.key not in self.runs:
                self.runs[planned.key] = status = RunStatus(planned)
                for line in self._history.lines_of(planned.key):
                    status.add(line)
                self._settle(status)
        found = families(status.planned for status in self.runs.values())
        self._family_of = {run.key: family for family in found for run in family.runs}

    def copy_beginnings(self) -> None:
        """Give every run what the records of its family hold of it: a longer run's epochs, or a shorter one's.

        After an extension, or where a process died between writing the one record and the other.
        """
        for family in dict.fromkeys(self._family_of.values()):
            if len(family.runs) > 1:
                for source in family.runs:
                    lines = [part_of(line, {source.run.seed}) for line in self._history.lines_of(source.key)]
                    self.record({source.trial_id: [line for line in lines if line is not None]})
        self._history.forget_lines()

    def _settle(self, status: RunStatus) -> None:
        """The state of a run that no process has, by what is written down."""
        if self._complete(status):
            last = max(self._history.lines_of(status.planned.key), key=lambda line: line["epoch"])
            status.state = "derived" if "derived_from" in last else "completed"
        elif status.planned.key in self._plan.ends:
            end = self._plan.ends[status.planned.key]
            status.state, status.error, status.reason = end.state, end.error, end.reason
        elif (reason := self._stop_reason(status)) is not None:  # a process died before it wrote that down
            status.state, status.reason = "stopped", reason
        elif status.epochs_done:
            status.state = "interrupted"

    def _complete(self, status: RunStatus) -> bool:
        return status.epochs_left <= 0 or (self._stop_when_diverged and status.diverged)

    def _stop_reason(self, status: RunStatus) -> StopReason | None:
        if self._stop_rules is None:
            return None
        epochs = range(1, status.epochs_done + 1)
        return stop_reason(
            self._stop_rules, [status.validation[epoch] for epoch in epochs if epoch in status.validation]
        )

    def _stop(self, statuses: Sequence[RunStatus], pack: str | None, reason: StopReason) -> None:
        """They train no further, and neither do the others of their families."""
        keys = dict.fromkeys(run.key for status in statuses for run in self._family_of[status.planned.key].runs)
        stopped = [key for key in keys if self.runs[key].state not in ENDED]
        self._plan.end(pack, stopped, End("stopped", reason=reason))
        for key in stopped:
            self.runs[key].state, self.runs[key].reason, self.runs[key].ended = "stopped", reason, now()

    def _with_beginnings(self, lines: Mapping[str, Sequence[EpochLine]]) -> dict[str, list[EpochLine]]:
        """The lines, and with them those of the runs' families that they are part of."""
        found: dict[str, list[EpochLine]] = {}
        for trial_id, each in lines.items():
            for line in each:
                found.setdefault(trial_id, []).append(line)
                of_others: dict[str, list[int]] = {}
                for seed in line["seeds"]:
                    family = self._family_of.get((trial_id, seed))
                    for other in family.runs if family else ():
                        if other.trial_id != trial_id and line["epoch"] <= other.run.configuration.epochs:
                            of_others.setdefault(other.trial_id, []).append(seed)
                for other_id, seeds in of_others.items():
                    if (part := part_of(line, seeds)) is not None:
                        source = line.get("derived_from", trial_id)
                        found.setdefault(other_id, []).append({**part, "derived_from": source})
        return found

    def _missing_of(self, trial_id: str, lines: Sequence[EpochLine]) -> list[EpochLine]:
        """Of some lines what the record does not hold yet, every epoch of a run once; runs of no plan are left out."""
        found, taken = [], set[tuple[int, int]]()
        for line in lines:
            epoch = line["epoch"]
            new = {
                seed
                for seed in line["seeds"]
                if (status := self.runs.get((trial_id, seed)))
                and not status.holds(epoch)
                and (seed, epoch) not in taken
            }
            taken |= {(seed, epoch) for seed in new}
            if (part := part_of(line, new)) is not None:
                found.append(part)
        return found

    def _append(self, trial_id: str, lines: Sequence[EpochLine]) -> None:
        record = self._results.record(trial_id)
        rows: list[Header | EpochLine] = list(lines)
        if not self._history.has_header(trial_id):
            planned = self._plan.configurations[trial_id]
            header = Header(
                format=FORMAT, trial_id=trial_id, stage=planned.stage, configuration=planned.configuration.as_dict()
            )
            rows.insert(0, header)
        append_lines(record, rows)
        self._history.header_written(trial_id)

    def _note(self, trial_id: str, line: EpochLine) -> None:
        for seed in line["seeds"]:
            status = self.runs[trial_id, seed]
            status.add(line)
            if status.state in ENDED:
                continue
            if self._complete(status):
                status.state, status.ended = "derived" if "derived_from" in line else "completed", now()
            elif (reason := self._stop_reason(status)) is not None:
                self._stop([status], line.get("pack"), reason)
