"""Reads and adds to plan.jsonl; see ``study.contract.plan`` for its lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.contract.plan import (
    ConfigurationLine,
    EndLine,
    ExchangeLine,
    LookLine,
    Move,
    PackLine,
    PlanLine,
    QuestionLine,
    RunsLine,
)
from study.contract.runs import Run
from study.contract.states import Stage, StopReason
from study.plan.packs import Pack, pack_id
from study.plan.planned import Planned, PlannedRun, RunKey
from study.results.clock import now
from study.results.files import append_lines, read_lines
from study.results.paths import ResultsDirectory


@dataclass(frozen=True)
class End:
    """How runs ended before their planned epochs: failed with an error, or stopped for a reason."""

    state: Literal["stopped", "failed"]
    error: str | None = None
    reason: StopReason | None = None


@dataclass
class PlanFile:
    """What the plan of a study has asked for so far; kept in step with plan.jsonl.

    Attributes:
        results: where the file is.
        configurations: by trial_id, with the seeds asked for, in the order of the plan.
        packs: by pack_id, the runs of each, in the order they were formed.
        exchanges: by epoch, which members of a population went on from which others.
        ends: runs that were stopped or that failed; a later pack tries the latter again.
        problems: lines of the file that could not be read, each with its place.
    """

    results: ResultsDirectory
    configurations: dict[str, Planned] = field(default_factory=dict)
    packs: dict[str, tuple[RunKey, ...]] = field(default_factory=dict)
    ends: dict[RunKey, End] = field(default_factory=dict)
    exchanges: dict[int, list[Move]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _unwritten: list[PlanLine] = field(default_factory=list)

    @property
    def runs(self) -> list[PlannedRun]:
        """Every run, by configuration and seed."""
        return [
            PlannedRun(name, Run(planned.configuration, seed), planned.stage)
            for name, planned in self.configurations.items()
            for seed in planned.seeds
        ]

    def add(self, wanted: Iterable[Planned]) -> None:
        """Ask for runs; those that were asked for before stay as they are."""
        names = {(each.stage, each.configuration): name for name, each in self.configurations.items()}
        for each in wanted:
            name = names.get((each.stage, each.configuration)) or self._free_name()
            names[each.stage, each.configuration] = name
            self._ask(name, each)
        self._write()

    def adopt(self, name: str, planned: Planned) -> None:
        """Take up what plan.jsonl does not know, under this name or, where that is taken, a free one.

        It is written with the next change of the plan.
        """
        there = self.configurations.get(name)
        taken = there is not None and (there.stage, there.configuration) != (planned.stage, planned.configuration)
        self._ask(self._free_name() if taken else name, planned)

    def _ask(self, name: str, planned: Planned) -> None:
        there = self.configurations.setdefault(name, replace(planned, seeds=()))
        if not there.seeds:
            self._unwritten.append(_configuration_line(name, planned))
        seeds = [seed for seed in planned.seeds if seed not in there.seeds]
        if seeds:
            line = RunsLine(event="runs", time=now(), trial_id=name, seeds=seeds, reason=planned.reason)
            self._unwritten.append(line)
            self.configurations[name] = replace(there, seeds=(*there.seeds, *seeds))

    def _write(self, *lines: PlanLine) -> None:
        lines = (*self._unwritten, *lines)
        if lines:
            append_lines(self.results.plan, lines)
        self._unwritten = []

    def form(self, groups: Sequence[Sequence[PlannedRun]], session: str) -> list[Pack]:
        """Name packs of these runs, and write down who is in each, so that their checkpoints can be found again."""
        first = _next_number(name.removeprefix("p") for name in self.packs)
        packs = [Pack(pack_id(first + number), tuple(runs)) for number, runs in enumerate(groups)]
        lines = []
        for pack in packs:
            self.packs[pack.pack_id] = keys = tuple(run.key for run in pack.runs)
            for key in keys:
                self.ends.pop(key, None)
            lines.append(PackLine(event="pack", time=now(), pack=pack.pack_id, session=session, runs=list(keys)))
        self._write(*lines)
        return packs

    def end(self, pack: str | None, runs: Sequence[RunKey], end: End) -> None:
        """Write down that runs were stopped, or failed."""
        self.ends |= dict.fromkeys(runs, end)
        line = EndLine(event="end", time=now(), pack=pack, runs=list(runs), state=end.state, error=end.error)
        self._write(line if end.reason is None else {**line, "reason": end.reason})

    def exchange(self, epoch: int, moves: list[Move]) -> None:
        """Write down which members of a population go on from which others."""
        self.exchanges[epoch] = moves
        self._write(ExchangeLine(event="exchange", time=now(), epoch=epoch, moves=moves))

    def note(self, line: LookLine | QuestionLine) -> None:
        """Write down what the analysis has to know: a look at the study, or that its question was changed."""
        self._write(line)

    def _free_name(self) -> str:
        # A line of the file may be lost: a name is taken too if a pack or a record has it.
        of_packs = {name for runs in self.packs.values() for name, _ in runs}
        number = _next_number({*self.configurations, *of_packs})
        while self.results.record(trial_id(number)).exists():
            number += 1
        return trial_id(number)


def read_plan(results: ResultsDirectory) -> PlanFile:
    """The plan so far; empty where there is no plan.jsonl. Lines that are torn, damaged or unknown are left out."""
    lines, problems = read_lines(results.plan)
    plan = PlanFile(results, problems=problems)
    for line in lines:
        try:
            _follow(plan, line)
        except (KeyError, TypeError, ValueError):
            continue
    return plan


def _follow(plan: PlanFile, line: dict[str, Any]) -> None:
    if line["event"] == "configuration":
        stage: Stage = "confirm" if line["stage"] == "confirm" else "explore"
        plan.configurations.setdefault(
            str(line["trial_id"]), Planned(Configuration.of(line["configuration"]), (), stage, "")
        )
    elif line["event"] == "runs":
        there = plan.configurations[line["trial_id"]]
        seeds = tuple(int(seed) for seed in line["seeds"] if seed not in there.seeds)
        plan.configurations[line["trial_id"]] = Planned(
            there.configuration, (*there.seeds, *seeds), there.stage, there.reason or str(line["reason"])
        )
    elif line["event"] == "pack":
        plan.packs[str(line["pack"])] = runs = _keys(line["runs"])
        for key in runs:
            plan.ends.pop(key, None)
    elif line["event"] == "end":
        plan.ends |= dict.fromkeys(_keys(line["runs"]), _end(line))
    elif line["event"] == "exchange":
        plan.exchanges[int(line["epoch"])] = [_move(move) for move in line["moves"]]


def _move(move: dict[str, Any]) -> Move:
    values = {str(axis): float(value) for axis, value in move["values"].items()}
    return Move(trial_id=str(move["trial_id"]), source=str(move["source"]), values=values)


def _end(line: dict[str, Any]) -> End:
    error, reason = line["error"], line.get("reason")
    if line["state"] != "stopped":
        return End("failed", error=None if error is None else str(error))
    return End("stopped", reason=reason if reason in get_args(StopReason) else "scheduler")


def _next_number(names: Iterable[str]) -> int:
    """One more than the largest number among some names; 0 where none is a number."""
    return max((int(name) for name in names if name.isdecimal()), default=-1) + 1


def _keys(runs: Any) -> tuple[RunKey, ...]:
    return tuple((str(name), int(seed)) for name, seed in runs)


def _configuration_line(name: str, planned: Planned) -> ConfigurationLine:
    return ConfigurationLine(
        event="configuration",
        time=now(),
        trial_id=name,
        stage=planned.stage,
        configuration=planned.configuration.as_dict(),
    )
