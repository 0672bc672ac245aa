"""What would decide the undecided comparisons: how many seeds, how long that takes here, and the command."""

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import words
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.results import Results
from analysis.statistics.looks import promised_error
from analysis.statistics.verdicts import ALPHA

_DROPPED = ("--resume", "--extend")


@dataclass(frozen=True)
class Advice:
    """How to decide more, in words, and the command for it."""

    text: str
    command: str


def advice(findings: Findings) -> Advice | None:
    """Return what would decide more comparisons.

    None where all are decided, no realistic number of seeds would, or the study itself adds seeds; nor before the runs
    that it asks for have ended.
    """
    table = findings.comparisons
    open_runs = findings.results.runs["state"].isin(["planned", "running", "interrupted"])
    if findings.results.in_flight or open_runs.any() or findings.looks < findings.plan.planned:
        return None
    rows = table[(table["verdict"] == "undecided") & (table["more"] <= words.REALISTIC_SEEDS)] if len(table) else table
    if rows.empty:
        return None
    hardest = rows.sort_values("more").iloc[-1]
    more = int(hardest["more"])
    command = command_for(findings.results, int(findings.seen[-1].counts.max()) + more)
    if command is None:
        return None
    which = "the undecided comparison" if len(rows) == 1 else f"{len(rows)} undecided comparisons"
    takes = seconds_of(findings, more)
    cost = "" if takes is None else f", about {words.duration(takes)} here"
    text = (
        f"{counted(more, 'more seed')} of every configuration{cost}, would decide {which} at even odds "
        f"(half of what the data leave possible: {words.range_of_seeds(hardest['more_low'], hardest['more_high'])}). "
        f"{_cost_of_looking(findings)}"
    )
    return Advice(text, command)


def extended(findings: Findings) -> str:
    """Return how far planned looks have come, or what unplanned ones have cost, in words; '' where there is neither."""
    times = findings.looks - findings.plan.planned
    if times == 0 or not findings.judged:
        return ""
    if times < 0:
        open_ = sum(each.verdict == "undecided" for each in findings.judged)
        taken = f"{findings.looks} of at most {findings.plan.planned} planned looks"
        return f"{taken} so far; {counted(open_, 'comparison')} undecided" if open_ else ""
    often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return (
        f"seeds were added {often} without having been planned, after the comparisons had been judged: a false claim "
        f"in at most {100 * findings.promised_error:.3g} % of such studies instead of 5 %"
    )


def _cost_of_looking(findings: Findings) -> str:
    then = 100 * promised_error(ALPHA, findings.looks + 1, findings.plan.planned)
    return (
        f"Seeds that are added because a study came out undecided were not planned: such studies make a false claim in "
        f"at most {then:.3g} %, no longer {100 * findings.promised_error:.3g} %. seeds: {{start: 5, most: 40}} plans "
        "for it and keeps 5 %."
    )


def seconds_of(findings: Findings, seeds: int) -> float | None:
    """Return how long so many further seeds of every configuration take, at the measured speed; None if unknown.

    A run costs what the runs of its configuration took on average of their processes' time, shared among as many
    processes as trained at once.
    """
    trained = findings.runs[findings.runs["complete"] & ~findings.runs["derived"].astype(bool)]
    log = findings.results.log
    if trained.empty or log.empty:
        return None
    return seeds * float(trained.groupby("condition")["seconds"].mean().sum()) / _at_once(log)


def _at_once(log: pd.DataFrame) -> int:
    """The largest number of packs that trained at the same time."""
    ended = pd.to_datetime(log["finished"], utc=True, format="ISO8601")
    begun = ended - pd.to_timedelta(log.groupby(["pack", "epoch"])["spent"].transform("sum"), unit="s")
    spans = pd.DataFrame({"begun": begun, "ended": ended}).groupby(log["pack"]).agg({"begun": "min", "ended": "max"})
    begins, ends = np.sort(spans["begun"].to_numpy()), np.sort(spans["ended"].to_numpy())
    return int((np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")).max())


def command_for(results: Results, seeds: int) -> str | None:
    """The last session's command with that many seeds of every configuration in all.

    None where no session's command is known, or it cannot be taken apart.
    """
    command = results.sessions[-1].get("command") if results.sessions else None
    if not isinstance(command, str):
        return None
    try:
        split = shlex.split(command)
    except ValueError:
        return None
    wanted = _setting(results.study.get("seeds"), seeds)
    if not split or wanted is None:
        return None
    return shlex.join([*_without_seeds(split), "--extend", "--set", wanted])


def _setting(asked: Any, seeds: int) -> str | None:
    """What --set is given: a count for a count, the list with further seeds for a list, None for anything else."""
    if isinstance(asked, dict) and "most" in asked:
        return f"seeds.most={seeds}"
    if isinstance(asked, int) and not isinstance(asked, bool):
        return f"seeds={seeds}"
    if not isinstance(asked, list):
        return None
    if asked == list(range(len(asked))):
        return f"seeds={seeds}"
    fresh = (seed for seed in range(seeds + len(asked)) if seed not in asked)
    more = [next(fresh) for _ in range(max(0, seeds - len(asked)))]
    return f"seeds=[{', '.join(map(str, [*asked, *more]))}]"


def _without_seeds(given: list[str]) -> list[str]:
    """The words of a command without what says how a session goes on, and without an earlier number of seeds."""
    kept: list[str] = []
    skip = False
    for word, following in zip(given, [*given[1:], ""], strict=True):
        if skip:
            skip = False
        elif word == "--set" and _of_seeds(following):
            skip = True
        elif word not in _DROPPED and not (word.startswith("--set=") and _of_seeds(word.removeprefix("--set="))):
            kept.append(word)
    return kept


def _of_seeds(setting: str) -> bool:
    return setting.partition("=")[0].strip().partition(".")[0] == "seeds"
