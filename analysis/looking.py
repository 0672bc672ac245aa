"""A look at a study with `seeds: {start, most}`: what is decided, and which configurations need more seeds.

For the session that trains. It calls `next_seeds` whenever every seed asked for so far has ended, whatever became of
it, and its epochs stand in the records:

    look = next_seeds(results.path)
    if look.line is not None:
        ...            # append look.line to plan.jsonl, before anything else
    for trial_id, seeds in look.more.items():
        ...            # ask for that many further seeds of the configuration; none: the study is over

Everything is read from the directory: study.yaml for start, most, baseline and questions; plan.jsonl for the seeds
asked for and the looks taken; records/ for the accuracies. So a session that ended between the two steps is resumed by
the same call: a look that has been written down is not taken again (line is None), and says what is still to be asked.

The looks have numbers of seeds that are fixed in advance (`statistics.looks`: at most 6, for {start: 5, most: 40} 5, 8,
11, 17, 26 and 40; a condition of several comparisons, such as the baseline, gets up to twice as many), so that results
decide only which comparisons go on. The error is spent over them, 5 % in all. A larger `most` after the last planned
look is one more look, not planned, and so are all looks at a study that was complete with a fixed number of seeds
before; the report says what they cost.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analysis.findings import Findings, find
from analysis.history import History
from analysis.results import Results, read
from analysis.statistics.boundaries import information_growth, nominal_levels
from analysis.statistics.families import Pair
from analysis.statistics.looks import HOPELESS, chance_to_decide, next_runs, planned_runs, seeds_by_look, shares
from analysis.statistics.verdicts import ALPHA, Judged
from study.contract.plan import LookLine


@dataclass(frozen=True)
class Look:
    """What a look found.

    line: for plan.jsonl; None where it stands there already. more: further seeds by trial_id, the configurations of the
    comparison that is most likely to be decided first; empty when all are decided, given up, or have `most` seeds.
    decided, undecided: numbers of declared and baseline comparisons; given_up: of the undecided, those that get no more
    seeds because the last look would hardly decide them either.
    """

    line: LookLine | None
    more: dict[str, int]
    decided: int
    undecided: int
    given_up: int


def next_seeds(directory: Path) -> Look:
    """Judge the comparisons of a study from its results directory, and say which seeds come next.

    Raises:
        ValueError: study.yaml does not ask for seeds {start, most}.
        ResultsError: the directory holds no study.
    """
    results = read(directory)
    line, history = _taken(results)
    findings = find(replace(results, history=history))
    open_ = [(pair, each) for pair, each in findings.verdicts if each.verdict == "undecided"]
    look = len(history.looks)
    chances = {pair: _chances(findings, pair, each, look, history, len(open_)) for pair, each in open_}
    going = [pair for pair, _ in open_ if look == 1 or not chances[pair][1] < HOPELESS]
    going.sort(key=lambda pair: -chances[pair][0])
    pairs = [(pair.a, pair.b) for pair, _ in findings.verdicts]
    wanted = {}
    if look < len(history.path):
        wanted = next_runs(history.path, look, pairs, [pairs.index((pair.a, pair.b)) for pair in going])
    decided = sum(each.verdict in ("larger", "smaller") for _, each in findings.verdicts)
    return Look(line, _lacking(results, findings, history, wanted), decided, len(open_), len(open_) - len(going))


def _taken(results: Results) -> tuple[LookLine | None, History]:
    """The line of the look at all seeds asked for so far, None where it is written, and the looks with it."""
    history = results.history
    path = _path(results, history)
    now = {name: len(seeds) for name, seeds in history.seeds.items()}
    if history.taken and history.taken[-1]["seeds"] == now:
        return None, replace(history, path=path)
    number = len(history.taken) + 1
    line = LookLine(
        event="look",
        time=datetime.now(UTC).isoformat(),
        look=number,
        of=history.planned if history.taken else 1 if _was_judged(results) else len(path),
        path=list(path),
        seeds=now,
    )
    looks = (*(look["seeds"] for look in history.taken), now)
    return line, History(history.seeds, looks, line["of"], path, (*history.taken, line))


def _was_judged(results: Results) -> bool:
    """Whether the study was complete before its first planned look: with a fixed number of seeds, and a report."""
    return any(session.get("outcome") == "completed" for session in results.sessions)


def _path(results: Results, history: History) -> tuple[int, ...]:
    """The seeds at each look: as planned, and a larger `most` as one more look behind the planned ones."""
    seeds = results.study.get("seeds")
    if not isinstance(seeds, dict) or not {"start", "most"} <= seeds.keys():
        raise ValueError(f"study.yaml: seeds is {seeds!r}, not {{start: n, most: m}}: no looks are planned")
    if not history.taken:
        return seeds_by_look(int(seeds["start"]), int(seeds["most"]))
    longer = int(seeds["most"]) > history.path[-1]
    return (*history.path, int(seeds["most"])) if longer else history.path


def _chances(
    findings: Findings, pair: Pair, each: Judged, look: int, history: History, undecided: int
) -> tuple[float, float]:
    """The chance that a comparison is decided at the next look, and at the last one, as far as the data tell."""
    found, path = each.contrast, history.path
    if found is None or np.isnan(found.se) or look >= len(path):
        return np.nan, np.nan
    pairs = [(p.a, p.b) for p, _ in findings.verdicts]
    runs = [planned_runs(path, sum(side in p for p in pairs)) for side in (pair.a, pair.b)]
    growth = information_growth(*runs)
    spent = [ALPHA * share / max(undecided, 1) for share in shares(len(path), history.planned)]
    levels = nominal_levels(tuple(spent), growth)
    now = 1 / runs[0][look - 1] + 1 / runs[1][look - 1]
    chances = []
    for then in (look, len(path) - 1):
        share = (1 / runs[0][then] + 1 / runs[1][then]) / now
        se = np.asarray(found.se * np.sqrt(share))
        chances.append(float(chance_to_decide(found, se, findings.question.meaningful, np.array(levels[then]))))
    return chances[0], chances[1]


def _lacking(results: Results, findings: Findings, history: History, wanted: dict[int, int]) -> dict[str, int]:
    """By trial_id, how many seeds a condition lacks; in the order of what is wanted."""
    trials = findings.trials
    more = {trials[number]: runs - len(history.seeds.get(trials[number], ())) for number, runs in wanted.items()}
    return {name: count for name, count in more.items() if count > 0}
