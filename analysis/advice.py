"""What to do next: finish the study, or add the seeds that would decide more; with their time and the command."""

import math
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import words
from analysis.findings import Findings
from analysis.ledger import OPEN, counted
from analysis.results import Results
from analysis.statistics.looks import planned_runs, promised_error
from analysis.statistics.verdicts import ALPHA

_DROPPED = ("--resume", "--extend")


FEW = 5  # seeds that show effects of several points


@dataclass(frozen=True)
class Advice:
    """What to do next, in words, and the command for it."""

    text: str
    command: str


def advice(findings: Findings) -> Advice | None:
    """Return how to finish the study, and of one that is finished, what would decide more comparisons.

    None where all are decided, no realistic number of seeds would, or the study still runs or adds seeds by itself.
    """
    if findings.results.in_flight:
        return None
    if findings.results.runs["state"].isin(OPEN).any():
        command = _last_command(findings.results)
        kept = command and [word for word in command if word not in _DROPPED]
        how = "--extend" if command and "--extend" in command else "--resume"
        return Advice("To finish it:", shlex.join([*kept, how])) if kept else None
    if not findings.ended:
        return None
    return _one_seed(findings) or _undecided(findings)


def _undecided(findings: Findings) -> Advice | None:
    """The seeds that would decide what is undecided."""
    table = findings.comparisons
    open_ = table[table["verdict"] == "undecided"] if len(table) else table
    rows = open_[open_["more"] <= words.REALISTIC_SEEDS] if len(open_) else open_
    if rows.empty:
        return None
    if findings.question.most and not findings.winners:
        return _staged(findings, rows, _some(len(rows), len(open_)))
    more = int(rows["more"].max())
    command = command_for(findings.results, int(findings.seen[-1].counts.max()) + more)
    if command is None:
        return None
    text = f"{_seeds(findings, more)} would decide {_some(len(rows), len(open_))} at even odds."
    return Advice(f"{text} {_cost_of_looking(findings)}", command)


def _some(some: int, every: int) -> str:
    """The undecided comparisons that are meant, of all of them."""
    if some == every:
        return "the undecided comparison" if every == 1 else f"the {every} undecided comparisons"
    return f"{some} of the {every} undecided comparisons"


def _staged(findings: Findings, rows: pd.DataFrame, which: str) -> Advice | None:
    """A larger `most` of seeds: {start, most}, which adds seeds to the undecided comparisons alone."""
    comparisons = Counter(side for pair, _ in findings.verdicts for side in (pair.a, pair.b))
    most = max(findings.question.most or 0, findings.plan.path[-1] if findings.plan.path else 0) + 1
    for row in rows.to_dict("records"):
        # `more` is meant for both sides; a condition of several comparisons gets more than one of a single comparison.
        total = max(row["n_a"], row["n_b"]) + row["more"]
        shares = [_planned(1000, comparisons[row[side]]) / 1000 for side in ("a", "b")]
        most = max(most, math.ceil(total * sum(1 / share for share in shares) / 2))
    command = command_for(findings.results, most)
    if command is None:
        return None
    counts = findings.seen[-1].counts
    sides = {int(side) for side in (*rows["a"], *rows["b"])}
    takes = _seconds(findings, {side: max(0, _planned(most, comparisons[side]) - int(counts[side])) for side in sides})
    cost = "" if takes is None else f" (about {words.duration(takes)} here)"
    text = f"With up to {most} seeds each, {which} would be decided at even odds{cost}."
    return Advice(f"{text} {_cost_of_looking(findings)}", command)


def _planned(seeds: int, comparisons: int) -> int:
    """The runs of a condition of so many comparisons where one of a single comparison has so many seeds."""
    return planned_runs((0, seeds), comparisons)[-1]


def _one_seed(findings: Findings) -> Advice | None:
    """Further seeds where there is one of each, so that nothing can be told from chance."""
    counts = findings.runs.loc[findings.runs["complete"]].groupby("condition").size()
    if len(counts) < 2 or counts.max() > 1 or findings.question.searches:
        return None
    command = command_for(findings.results, FEW)
    text = f"{_seeds(findings, FEW - 1)} would tell differences of several points from chance. "
    return Advice(text + _cost_of_looking(findings), command) if command else None


def _seeds(findings: Findings, more: int) -> str:
    """So many more seeds, and how long they take: '4 more seeds of every configuration (about 2 minutes here)'."""
    which = "confirmed configuration" if findings.winners else "configuration"
    takes = seconds_of(findings, more)
    cost = "" if takes is None else f" (about {words.duration(takes)} here)"
    return f"{counted(more, 'more seed')} of every {which}{cost}"


def extended(findings: Findings) -> str:
    """Return how far planned looks have come, or what unplanned ones have cost, in words; '' where there is neither."""
    times = findings.looks - findings.plan.planned
    if times == 0 or not findings.judged:
        return ""
    if times < 0:
        if findings.ended:
            return ""  # a verdict says that its comparison was given up
        open_ = sum(each.verdict == "undecided" for each in findings.judged)
        taken = f"{findings.looks} of at most {findings.plan.planned} planned looks"
        return f"{taken} so far; {counted(open_, 'comparison')} undecided" if open_ else ""
    often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return (
        f"seeds were added {often} without having been planned, after the comparisons had been judged: a false claim "
        f"in at most {100 * findings.promised_error:.3g} % of such studies instead of 5 %"
    )


def _cost_of_looking(findings: Findings) -> str:
    """What a look without a plan does to the promise; nothing where nothing is judged."""
    if not findings.judged:
        return ""
    looks = max(findings.looks, len(findings.plan.path)) + 1
    now, then = (100 * promised_error(ALPHA, n, findings.plan.planned) for n in (findings.looks, looks))
    said = f"Seeds added afterwards let at most {then:.3g} % of studies make a false claim, no longer {now:.3g} %."
    planned = findings.question.most or findings.winners
    return said if planned else f"{said} seeds: {{start: 5, most: 40}} plans them and keeps 5 %."


def seconds_of(findings: Findings, seeds: int) -> float | None:
    """Return how long so many further seeds of every configuration take, at the measured speed; None if unknown."""
    conditions = [each.condition for each in findings.winners] or range(len(findings.conditions))
    return _seconds(findings, dict.fromkeys(conditions, seeds))


def _seconds(findings: Findings, more: Mapping[int, int]) -> float | None:
    """How long so many further seeds of some conditions take, at the measured speed; None if unknown.

    A run costs what the runs of its configuration took on average of their processes' time, shared among as many
    processes as trained at once.
    """
    trained = findings.runs[findings.runs["complete"] & ~findings.runs["derived"].astype(bool)]
    trained = trained[trained["condition"].isin(list(more))]
    log = findings.results.log
    if trained.empty or log.empty:
        return None
    means = trained.groupby("condition")["seconds"].mean()
    return float((means * means.index.map(dict(more))).sum()) / _at_once(log)


def _at_once(log: pd.DataFrame) -> int:
    """The largest number of packs that trained at the same time."""
    ended = pd.to_datetime(log["finished"], utc=True, format="ISO8601")
    begun = ended - pd.to_timedelta(log.groupby(["pack", "epoch"])["spent"].transform("sum"), unit="s")
    spans = pd.DataFrame({"begun": begun, "ended": ended}).groupby(log["pack"]).agg({"begun": "min", "ended": "max"})
    begins, ends = np.sort(spans["begun"].to_numpy()), np.sort(spans["ended"].to_numpy())
    return int((np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")).max())


def command_for(results: Results, seeds: int) -> str | None:
    """The last session's command with that many seeds of every configuration in all; of a search, of those confirmed.

    None where no session's command is known, or it cannot be taken apart.
    """
    split, wanted = _last_command(results), _setting(results.study, seeds)
    if split is None or wanted is None:
        return None
    return shlex.join([*_without_seeds(split, wanted), "--extend", "--set", wanted])


def _last_command(results: Results) -> list[str] | None:
    """The words of the last session's command, for the folder that was read; None where it is not known."""
    command = results.sessions[-1].get("command") if results.sessions else None
    try:
        given = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return None
    return [_moved(before, word, results.directory) for before, word in zip(["", *given], given, strict=False)] or None


def _moved(before: str, word: str, directory: Path) -> str:
    """A word of a command, with the folder that was read for that of --results; a store's address stays."""
    option, joined, folder = word.partition("=") if word.startswith("--results=") else ("", "", word)
    if (before != "--results" and not option) or "://" in folder or Path(folder).resolve() == directory.resolve():
        return word
    return f"{option}{joined}{directory}"


def _setting(study: Mapping[str, Any], seeds: int) -> str | None:
    """What --set is given: a count for a count, the list with further seeds for a list, None for anything else."""
    if study.get("confirm"):
        return f"confirm.seeds={seeds}"
    asked = study.get("seeds")
    if isinstance(asked, dict) and "most" in asked:
        return f"seeds={{start: {asked.get('start')}, most: {seeds}}}"
    if isinstance(asked, int) and not isinstance(asked, bool):
        return f"seeds={seeds}"
    if not isinstance(asked, list):
        return None
    if asked == list(range(len(asked))):
        return f"seeds={seeds}"
    fresh = (seed for seed in range(seeds + len(asked)) if seed not in asked)
    more = [next(fresh) for _ in range(max(0, seeds - len(asked)))]
    return f"seeds=[{', '.join(map(str, [*asked, *more]))}]"


def _without_seeds(given: list[str], wanted: str) -> list[str]:
    """The words of a command without what says how a session goes on, and without an earlier number of seeds."""
    kept: list[str] = []
    skip = False
    for word, following in zip(given, [*given[1:], ""], strict=True):
        if skip:
            skip = False
        elif word == "--set" and _sets(following, wanted):
            skip = True
        elif word not in _DROPPED and not (word.startswith("--set=") and _sets(word.removeprefix("--set="), wanted)):
            kept.append(word)
    return kept


def _sets(setting: str, wanted: str) -> bool:
    """Whether a setting is replaced by the one that is wanted: confirm.seeds by itself, seeds in all its forms."""
    key, new = (text.partition("=")[0].strip() for text in (setting, wanted))
    return key == new or key.partition(".")[0] == new.partition(".")[0] == "seeds"
