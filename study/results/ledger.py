"""The ledger: the one owner of the state of every run and of every change of it.

What was trained stands in the records, what was asked for and how it ended otherwise in plan.jsonl; the ledger reads
both once, and writes both from then on. Its table, trials.parquet, can be made again from them at any time.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from study.contract.files import FORMAT
from study.contract.plan import LookLine, Move, QuestionLine
from study.contract.records import EpochLine, Header, part_of, read_record
from study.contract.states import ENDED, StopReason
from study.plan.beginnings import Family, families
from study.plan.packs import Pack
from study.plan.planned import Planned, PlannedRun, RunKey
from study.plan.stopping import stop_reason
from study.results.clock import now
from study.results.files import append_lines, replacing
from study.results.history import History
from study.results.paths import ResultsDirectory
from study.results.plan_file import End, PlanFile
from study.results.run_status import RunStatus
from study.space.sections import Stop

SECONDS_BETWEEN_WRITES = 10.0


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
    def by_name(self) -> dict[str, Planned]:
        """Every configuration with the seeds that it was asked for, by trial_id."""
        return dict(self._plan.configurations)

    @property
    def exchanges(self) -> Mapping[int, Sequence[Move]]:
        """By epoch, which members of a population went on from which others."""
        return self._plan.exchanges

    def exchange(self, epoch: int, moves: list[Move]) -> None:
        """Write down an exchange, before any member goes on."""
        self._plan.exchange(epoch, moves)

    def note(self, line: LookLine | QuestionLine) -> None:
        """Write down that the study was looked at, or its question changed, before what follows from it."""
        self._plan.note(line)

    @property
    def reasons(self) -> dict[str, str]:
        """What asked for each configuration first, by trial_id."""
        return {name: planned.reason for name, planned in self._plan.configurations.items()}

    @property
    def outcome(self) -> Literal["completed", "failed", "interrupted"]:
        """How a session that is over has left the study: all runs ended, some failed, or some are still to train."""
        found = {status.state for status in self.runs.values()}
        if found - ENDED - {"failed"}:
            return "interrupted"
        return "failed" if "failed" in found else "completed"

    def ask_for(self, wanted: Iterable[Planned]) -> None:
        """Add runs to the plan; what it holds already stays as it is."""
        before = set(self.runs)
        self._plan.add(wanted)
        self._follow_plan()
        if self._history.forgotten:
            self._take_beginnings({self._family_of[key] for key in self.runs if key not in before})

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
        """A pack ended; those of its runs that are not complete make way, were stopped by a scheduler, or failed."""
        left = [run.key for run in pack.runs if self.runs[run.key].state == "running"]
        if error is not None:  # perhaps before it ever ran, as on a machine without memory
            left = [run.key for run in pack.runs if self.runs[run.key].state not in ENDED]
        if error is None and pack.until is not None:
            for key in left:
                self.runs[key].state = "interrupted"
        elif left and error is None:
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
                    self._copy(source, self._history.lines_of(source.key))
        self._history.forget_lines()

    def _take_beginnings(self, asked: Collection[Family]) -> None:
        """The same for runs that were asked for while others trained."""
        for family in asked:
            for source in family.runs if len(family.runs) > 1 else ():
                if self.runs[source.key].epochs_done:
                    record, _ = read_record(self._results.record(source.trial_id))
                    self._copy(source, record.lines if record else ())

    def _copy(self, source: PlannedRun, lines: Iterable[EpochLine]) -> None:
        parts = [part_of(line, {source.run.seed}) for line in lines]
        self.record({source.trial_id: [part for part in parts if part is not None]})

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
