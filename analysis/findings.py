"""Everything the figures, tables and words draw on, computed once from the results."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from analysis.axes import FACTORS, STAGE, Labels, numeric
from analysis.history import History
from analysis.ledger import counted
from analysis.lineage import Stretch, path, perturbed, scheduled, stretches
from analysis.question import Question, parse
from analysis.results import Results
from analysis.statistics.convergence import carried, run_table, time_to
from analysis.statistics.families import MEASURES, Pair, comparison_table, pairs
from analysis.statistics.looks import promised_error, seeds_by_look
from analysis.statistics.sights import Asked, Sight, sights
from analysis.statistics.standing import Standing, standing
from analysis.statistics.verdicts import ALPHA, Judged, Plan, judged, looks_taken, with_verdicts
from analysis.winners import Winner, winners
from study.contract.axes import AXES

MOST_DISTINCT = 12
MOST_CONFIRMATORY = 200
_NAMED = ("auto", "cifar10", "digits")  # images that are not a folder


class NoDataError(Exception):
    """A figure does not apply to this study; the message is the reason, for the report."""


@dataclass(frozen=True)
class Findings:
    """A study's results with everything derived from them.

    axes: the axes that vary, in order, and the stage where there are several. across, within: what figures put along
    the axis (or in facets) and in colours; None where nothing varies. labels: how values are written. conditions: one
    row per condition, a configuration in a stage, indexed by its number: the axes, stage, label, planned (runs).
    curves, runs, times: as in `convergence`, with the column `condition`; curves of runs that were stopped when they
    diverged are carried on. seen: the runs that each look at the study saw. chosen: the pairs that are compared;
    judged: the verdicts on those that were asked for, in their order. comparisons: of the final test accuracy.
    problems: what is missing or damaged.
    """

    results: Results
    question: Question
    axes: tuple[str, ...]
    across: str | None
    within: str | None
    labels: Labels
    conditions: pd.DataFrame
    curves: pd.DataFrame
    runs: pd.DataFrame
    seen: tuple[Sight, ...]
    chosen: tuple[Pair, ...]
    judged: tuple[Judged, ...]
    comparisons: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def verdicts(self) -> list[tuple[Pair, Judged]]:
        """The declared and baseline pairs, each with its verdict."""
        return list(zip((pair for pair in self.chosen if pair.confirms), self.judged, strict=True))

    @property
    def plan(self) -> Plan:
        """How the looks were planned."""
        return _plan(self.results)

    @cached_property
    def looks(self) -> int:
        """How often the comparisons were looked at."""
        return looks_taken(self.seen, [pair for pair, _ in self.verdicts], self.plan)

    @property
    def ended(self) -> bool:
        """Whether a study that adds seeds by itself has added its last: after the last planned look, or before."""
        results = self.results
        completed = bool(results.sessions) and results.sessions[-1].get("outcome") == "completed"
        return self.looks >= self.plan.planned or (bool(results.history.taken) and completed)

    def given_up(self, look: int) -> bool:
        """Whether an undecided comparison that was last judged at a look, 1 the first, has been given up.

        There was a later look, for which this comparison got no seeds, or the study ended before its last look.
        """
        path = self.plan.path
        return bool(path) and (look < len(self.seen) or (self.ended and look < len(path)))

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """What of the question was changed after results were there: as declared, and as it is asked now."""
        declared, asked = self.results.history.declared, self.results.study.get("compare")
        if declared is None or not isinstance(asked, dict):
            return {}
        pairs = {key: (before, asked.get(key)) for key, before in declared.compare.items()}
        return {key: (before, now) for key, (before, now) in pairs.items() if before != now}

    @property
    def promised_error(self) -> float:
        """The share of studies with a false claim, at most; above 5 % where looks were not planned."""
        return promised_error(ALPHA, self.looks, self.plan.planned)

    @cached_property
    def standings(self) -> dict[int, Standing]:
        """Which conditions may be the best, by their planned epochs; of those that train, where they are two or more.

        By validation accuracy where there is a validation set, of the confirmed conditions where there are any.
        """
        seen = self.seen
        confirmed = (self.conditions[STAGE] == "confirm").any()
        if self.has_validation and not confirmed:
            asked = _asked(self.results.history, self._number_of)
            seen = tuple(sights(self.runs, "validation_accuracy", len(self.conditions), asked))
        last = seen[-1]
        stages = self.conditions[STAGE]
        stage = "confirm" if (stages[last.ns > 0] == "confirm").any() else "explore"
        able = [n for n in range(len(self.conditions)) if last.ns[n] and not last.fails[n] and stages[n] == stage]
        budgets: dict[int, list[int]] = {}
        for number in able:
            budgets.setdefault(int(self.point(number)["epochs"]), []).append(number)
        return {
            epochs: standing(seen, budgets[epochs], self.plan) for epochs in sorted(budgets) if len(budgets[epochs]) > 1
        }

    @cached_property
    def winners(self) -> tuple[Winner, ...]:
        """What a search has had trained again with fresh seeds, the baseline last."""
        return winners(self.conditions, self.runs, self.curves, self.question.baseline)

    @cached_property
    def _number_of(self) -> dict[str, int]:
        table = self.results.runs.drop_duplicates("trial_id")
        table = table.merge(self.conditions.reset_index(names="condition"), on=list(FACTORS))
        return dict(zip(table["trial_id"].astype(str), table["condition"].astype(int), strict=True))

    @cached_property
    def trials(self) -> dict[int, str]:
        """The trial_id of each condition, the first where several have it."""
        return {number: trial for trial, number in reversed(list(self._number_of.items()))}

    @cached_property
    def times(self) -> pd.DataFrame:
        """When each run reached each threshold: `convergence.time_to` for all of them."""
        tables = [time_to(self.curves, t) for t in self.question.thresholds]
        if not tables:
            tables = [time_to(self.curves, 100.0).head(0)]
        table = pd.concat(tables, ignore_index=True)
        return table.merge(self.runs[["trial_id", "seed", "condition"]], on=["trial_id", "seed"])

    @property
    def confirmatory(self) -> list[Pair]:
        """The declared and baseline pairs; none when they are too many to test in every way."""
        chosen = [pair for pair in self.chosen if pair.confirms]
        return chosen if len(chosen) <= MOST_CONFIRMATORY else []

    @cached_property
    def measures(self) -> pd.DataFrame:
        """The confirmatory comparisons in every other measure; no verdicts are read off."""
        chosen = self.confirmatory
        tables = [
            comparison_table(self.runs, chosen, self.question.meaningful, measure).assign(measure=measure)
            for measure in MEASURES[1:]
            if chosen and self.runs[measure].notna().any()
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def point(self, condition: int) -> dict[str, Any]:
        """Return the axes and the stage of a condition."""
        return {factor: self.conditions.at[condition, factor] for factor in FACTORS}

    def label(self, condition: int) -> str:
        """Return a condition's words."""
        return str(self.conditions.at[condition, "label"])

    @property
    def has_validation(self) -> bool:
        """Whether any run has a validation accuracy."""
        return bool(self.curves["validation_accuracy"].notna().any())

    @property
    def fixed(self) -> str:
        """The axes that do not vary, in words; '' when all do or none does."""
        fixed = [axis for axis in AXES if axis not in self.axes]
        if not self.axes or not fixed or self.conditions.empty:
            return ""
        first = self.point(int(self.conditions.index[0]))
        said = [axis for axis in fixed if not AXES[axis].quiet or first[axis] != AXES[axis].default]
        return self.labels.condition(first, said) if said else ""

    @property
    def source(self) -> str:
        """Data set, fixed axes, seeds and date: the line under every figure."""
        provenance = self.results.provenance
        images = str(_get(provenance, "data", "name") or "unknown data set")
        given = self.results.study.get("data")
        parts = [f"folder '{images}'" if isinstance(given, str) and given not in _NAMED else images]
        parts += [self.fixed] if self.fixed else []
        seeds = self.runs.groupby("condition")["seed"].nunique()
        fewest, most = (int(seeds.min()), int(seeds.max())) if len(seeds) else (0, 0)
        parts.append(counted(most, "seed") if fewest == most else f"{fewest} to {counted(most, 'seed')}")
        if self.question.last > 1:
            parts.append(f"final accuracies are means of the last {self.question.last} epochs")
        last = self.results.sessions[-1] if self.results.sessions else {}
        date = last.get("ended") or last.get("started")
        return ", ".join([*parts, str(date)[:10]] if date else parts)


def find(results: Results) -> Findings:
    """Compute the findings of a results directory."""
    question, problems = parse(results.study)
    factors = tuple(factor for factor in FACTORS if results.runs[factor].nunique() > 1)
    across, within = _layout(results.runs, factors, question)
    labels = Labels.of(results.runs)
    conditions, number_of = _conditions(results.runs, factors, labels)
    members = population(results)
    for trial_id in members:
        conditions.loc[number_of[trial_id], "label"] = _scheduled(trial_id, members, results.runs, factors, labels)
    curves = results.curves.assign(condition=results.curves["trial_id"].map(number_of).astype("int64"))
    curves, twice = _without_repeats(curves)
    runs = run_table(curves, results.stops_diverged, question.last)
    runs["condition"] = runs["trial_id"].map(number_of).astype("int64")
    chosen, uncompared = pairs(conditions, factors, question)
    seen = sights(runs, "test_accuracy", len(conditions), _asked(results.history, number_of))
    verdicts = judged(seen, [pair for pair in chosen if pair.confirms], question.meaningful, _plan(results))
    return Findings(
        results=results,
        question=question,
        axes=factors,
        across=across,
        within=within,
        labels=labels,
        conditions=conditions,
        curves=carried(curves) if results.stops_diverged else curves,
        runs=runs,
        seen=tuple(seen),
        chosen=tuple(chosen),
        judged=tuple(verdicts),
        comparisons=with_verdicts(seen, chosen, verdicts, question.meaningful),
        problems=(*results.problems, *problems, *twice, *uncompared),
    )


def _conditions(runs: pd.DataFrame, factors: tuple[str, ...], labels: Labels) -> tuple[pd.DataFrame, dict[str, int]]:
    numbers = runs.groupby(list(FACTORS), sort=False).ngroup()
    number_of = dict(zip(runs["trial_id"].astype(str), numbers.astype(int), strict=True))
    conditions = runs[list(FACTORS)].drop_duplicates().reset_index(drop=True)
    words = [_label(row, factors, labels) for row in conditions.to_dict("records")]  # type: ignore[arg-type]
    conditions["label"] = pd.Series(words, dtype="str")
    seeds = runs["seed"].groupby(numbers).nunique()
    conditions["planned"] = seeds.reindex(conditions.index)
    return conditions, number_of


def population(results: Results) -> dict[str, list[Stretch]]:
    """What each member of population based training has trained; empty in any other study."""
    exchanges = results.history.exchanges
    if not exchanges:
        return {}
    ends = results.curves.groupby("trial_id")["epoch"].max()
    rows = results.runs.drop_duplicates("trial_id")
    settings = rows[list(AXES)].to_dict("records")
    return {
        name: stretches(name, {str(axis): value for axis, value in point.items()}, exchanges, int(ends.get(name, 0)))
        for name, point in zip(map(str, rows["trial_id"]), settings, strict=True)
    }


def _scheduled(
    trial_id: str, members: Mapping[str, list[Stretch]], runs: pd.DataFrame, factors: tuple[str, ...], labels: Labels
) -> str:
    """A member of a population in words: by the schedules of what changed while its network was trained."""
    own, changed = path(trial_id, members), perturbed(members)
    point = runs[runs["trial_id"] == trial_id].iloc[0]
    shown = [axis for axis in FACTORS if axis in factors or axis in changed]
    return ", ".join(
        scheduled(axis, own, labels) if axis in changed else labels.phrase(axis, point[axis]) for axis in shown
    )


def _label(row: Mapping[str, Any], factors: tuple[str, ...], labels: Labels) -> str:
    """A condition in words; what was confirmed needs no word for its stage, since it is what a study is about."""
    return labels.condition(row, [factor for factor in factors if factor != STAGE or row[STAGE] == "explore"])


def _plan(results: Results) -> Plan:
    """How the looks were planned; where none has been taken yet, as study.yaml says."""
    history, seeds = results.history, results.study.get("seeds")
    if history.taken or not isinstance(seeds, dict):
        return Plan(history.planned, history.path)
    try:
        path = seeds_by_look(int(seeds["start"]), int(seeds["most"]))
    except (KeyError, TypeError, ValueError):
        return Plan()
    return Plan(len(path), path)


def _asked(history: History, number_of: Mapping[str, int]) -> list[Asked]:
    """The seeds of each condition at each look; none where all runs were looked at once, whatever the plan knows."""
    looks: list[Asked] = []
    for look in history.looks if len(history.looks) > 1 or history.taken else ():
        seeds: dict[int, frozenset[int]] = {}
        for trial, count in look.items():
            if trial in number_of:
                before = seeds.get(number_of[trial], frozenset())
                seeds[number_of[trial]] = before | frozenset(history.seeds.get(trial, ())[:count])
        looks.append(seeds)
    return looks


def _without_repeats(curves: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Count a (condition, seed) once: a repeat is the same computation, not another run.

    The trial that came furthest counts, the first of those that came equally far.
    """
    run = ["condition", "seed"]
    if (curves.groupby(run)["trial_id"].nunique() <= 1).all():
        return curves, []
    reached = curves.groupby([*run, "trial_id"])["epoch"].max().reset_index()
    furthest = reached.sort_values(["epoch", "trial_id"], ascending=[False, True]).drop_duplicates(run)
    owner = curves[run].merge(furthest, on=run, how="left")["trial_id"]
    repeated = curves["trial_id"].to_numpy() != owner.to_numpy()
    names = sorted(set(curves.loc[repeated, "trial_id"].astype(str)))
    said = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    text = f"configuration {said} repeats the settings and seeds of another one: counted once"
    return curves[~repeated].reset_index(drop=True), [text]


def _layout(runs: pd.DataFrame, axes: tuple[str, ...], question: Question) -> tuple[str | None, str | None]:
    """Choose the axes that figures are laid out by, the study's own choice first."""
    axes = tuple(axis for axis in axes if axis != STAGE)
    few = [a for a in axes if runs[a].nunique() <= MOST_DISTINCT]
    across = question.across if question.across in axes else None
    within = question.within if question.within in axes else None
    if across is None:
        rest = [a for a in few if a != within]
        across = max(rest, key=lambda a: (numeric(a), runs[a].nunique()), default=None)
        across = across or next((a for a in axes if a != within), None)
    if within is None and question.across is None:
        rest = [a for a in few if a != across]
        within = min(rest, key=lambda a: runs[a].nunique(), default=None)
    return across, within if within != across else None


def _get(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
