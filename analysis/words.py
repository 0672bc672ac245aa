"""Comparisons as sentences: the same words in the report, in Markdown and in the terminal."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from analysis.advice import command_for, seeds_wanted
from analysis.axes import STAGE, title
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.statistics.comparison import MOST_SEEDS, mean_interval
from analysis.statistics.convergence import by_condition
from analysis.statistics.families import FAMILIES
from study.contract.axes import AXES

BEYOND = "*"
BEYOND_NOTE = (
    f"{BEYOND} reaches beyond what is possible, 0 to 100 % or a difference of ±100 points: "
    "the runs are too few or too far apart for this interval."
)


def points(value: float) -> str:
    """Return a size in percentage points: '1 point', '2.5 points'."""
    return f"{value:g} point{'' if value == 1 else 's'}"


def mean_sd(mean: float, sd: float) -> str:
    """Return 'mean ± sd', '–' for no value, and the mean alone where one run gives no sd."""
    if math.isnan(mean):
        return "–"
    return f"{mean:.2f}" if math.isnan(sd) else f"{mean:.2f} ± {sd:.2f}"


def interval(low: float, high: float, signed: bool = True) -> str:
    """Return '[low, high]' of percent (signed: of a difference of percents), '–' for none.

    BEYOND stands behind an interval that holds values no percentage can have.
    """
    if math.isnan(low):
        return "–"
    mark = BEYOND if low < (-100 if signed else 0) or high > 100 else ""
    if signed:
        return f"[{change(low)}, {change(high)}]{mark}"
    return f"[{low:.2f}, {high:.2f}]{mark}".replace("-", "−")


def with_note(reading: str, texts: Iterable[str]) -> str:
    """Return a reading, with what the mark means where one of the texts carries it."""
    marked = any(f"]{BEYOND}" in text for text in texts)
    return f"{reading} {BEYOND_NOTE}".strip() if marked else reading


def change(value: float) -> str:
    """Return a signed number with a minus sign proper: '+1.20', '−0.30'."""
    return f"{value:+.2f}".replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value to two digits, '< 0.0001' below that, '–' for none."""
    if math.isnan(p):
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.995 else "1.0"


def verdict(row: Mapping[Any, Any], meaningful: float) -> str:
    """Return the verdict on a comparison in words, against the meaningful difference."""
    d = points(meaningful)
    if row["verdict"] == "no data":
        return f"no data yet ({row['note']})"
    if row["verdict"] == "larger":
        return f"{'higher' if row['joint_interval'][0] > 0 else 'lower'} by more than {d}"
    if row["verdict"] == "smaller":
        return f"smaller than {d}"
    needed = row["seeds_needed"]
    if needed is None or math.isnan(needed):
        return f"undecided ({row['note']})" if row["note"] else "undecided"
    low, high = row["joint_interval"]
    differs = "undecided"
    if low > 0 or high < 0:
        differs = f"not zero, but whether larger than {d} is undecided"
    if needed > MOST_SEEDS:
        return f"{differs}, no realistic number of seeds would decide"
    return f"{differs}, about {int(needed)} seeds would decide"


@dataclass(frozen=True)
class Line:
    """One statement and the verdict at its end; kind: higher, lower, smaller, undecided, '' where nothing is judged."""

    text: str
    verdict: str = ""
    kind: str = ""

    def __str__(self) -> str:
        """Return the line as plain text."""
        return f"{self.text}: {self.verdict}" if self.verdict else self.text


@dataclass(frozen=True)
class Group:
    """Statements under one heading, with how to read their numbers and the command that would decide more of them."""

    heading: str
    lines: tuple[Line, ...]
    reading: str = ""
    advice: str = ""
    command: str = ""


def headline(findings: Findings) -> list[Group]:
    """Return the statements that answer the study's question.

    The declared questions, then the comparisons with the baseline; the exploratory ones only in
    their stead; the means where there is nothing to compare.
    """
    table = findings.comparisons
    groups: list[Group] = []
    judged = table.head(0)
    for family in FAMILIES:
        rows = table[table["family"] == family] if len(table) else table
        if len(rows) and (family != "exploratory" or not groups):
            groups += _groups(rows, family, findings)
            judged = pd.concat([judged, rows]) if len(judged) else rows
    if groups:
        return [*groups, *_more_seeds(findings, judged)]
    means = _means(findings)
    return [Group("", tuple(Line(text) for text in means), with_note("", means))]


def _more_seeds(findings: Findings, judged: pd.DataFrame) -> list[Group]:
    """How to add the seeds that undecided comparisons lack; nothing where none are named."""
    seeds = seeds_wanted(judged)
    command = command_for(findings.results, seeds) if seeds else None
    if command is None:
        return []
    advice = (
        f"{seeds} seeds in all for every configuration, those trained already among them. A study that is "
        "extended because it came out undecided, and judged again in this way, makes a false claim more often than 5 %."
    )
    return [Group("To add seeds", (), advice=advice, command=command)]


def _groups(rows: pd.DataFrame, family: str, findings: Findings) -> list[Group]:
    size = len(rows)
    joint = f"jointly over {size} comparisons" if size > 1 else "of the difference"
    reading = f"Test accuracy, percentage points; [ ]: 95 % interval {joint}."
    if (rows["method"] == "paired").any():
        reading += " Numbers of epochs are compared run by run: the shorter run is the beginning of the longer."
    groups = []
    for key, members in rows.groupby("b" if family == "baseline" else "name", sort=False):
        if family == "baseline":
            row = members.iloc[0]
            b = findings.label(int(row["b"]))
            heading = f"Against {b} ({row['mean_b']:.2f} %, n = {row['n_b']})"
            heading = f"Against {b}" if math.isnan(row["mean_b"]) else heading
        else:
            heading = f"{family.capitalize()}: {_named(str(key))}"
        lines = [_line(row, family, findings) for row in members.to_dict("records")]
        groups.append(Group(heading, tuple(lines), with_note(reading, map(str, lines))))
    return groups


def _line(row: Mapping[Any, Any], family: str, findings: Findings) -> Line:
    a, b = findings.label(int(row["a"])), findings.label(int(row["b"]))
    said = verdict(row, findings.question.meaningful)
    if row["verdict"] == "no data":
        return Line(a if family == "baseline" else f"{a} against {b}", said)
    low, high = row["joint_interval"]
    span = "" if math.isnan(low) else f" {interval(low, high)}"
    if family == "baseline":
        text = f"{a} ({row['mean_a']:.2f} %, n = {row['n_a']}): {change(row['difference'])}{span}"
        return Line(text, said, _kind(row))
    numbers = f"{row['mean_a']:.2f} against {row['mean_b']:.2f} %, n = {row['n_a']} and {row['n_b']}"
    text = f"{a} {_apart(row['difference'])} {b} ({numbers}){span}"
    return Line(text, said, _kind(row))


def _apart(difference: float) -> str:
    if f"{abs(difference):.2f}" == "0.00":
        return "equals"
    return f"has {abs(difference):.2f} points {'more' if difference > 0 else 'less'} than"


def _kind(row: Mapping[Any, Any]) -> str:
    if row["verdict"] != "larger":
        return row["verdict"]
    return "higher" if row["joint_interval"][0] > 0 else "lower"


def _named(comparison: str) -> str:
    """The name of a comparison; an exploratory one's axis by its title."""
    start, _, axis = comparison.rpartition(" ")
    return f"{start} {title(axis).lower()}" if start == "effect of" and axis in AXES else comparison


def tally(comparisons: pd.DataFrame, meaningful: float) -> list[str]:
    """Return one line a family: how many differences are larger, smaller, undecided, or lack runs."""
    lines = []
    for family in FAMILIES:
        rows = comparisons[comparisons["family"] == family] if len(comparisons) else comparisons
        if len(rows):
            counts = rows["verdict"].value_counts()
            d = points(meaningful)
            lines.append(
                f"{family}: {counts.get('larger', 0)} of {counted(len(rows), 'difference')} larger than {d}, "
                f"{counts.get('smaller', 0)} smaller, {counts.get('undecided', 0)} undecided"
                + (f", {counts['no data']} without data yet" if "no data" in counts else "")
            )
    return lines


def _means(findings: Findings) -> list[str]:
    runs = findings.runs[findings.runs["test_accuracy"].notna()]
    if runs.empty:
        return ["No run has reached its planned epochs yet: there is nothing to judge."]
    several = runs["condition"].nunique() > 1
    if findings.question.searches and several:
        return [_best(findings)]
    if several:
        return [_not_compared(findings, runs)]
    lines = []
    for condition, group in by_condition(runs):
        values = group["test_accuracy"].to_numpy()
        low, high = mean_interval(values)
        lines.append(
            f"{findings.label(condition)}: {values.mean():.2f} % test accuracy "
            f"(95 % interval of the mean {interval(low, high, signed=False)}, {len(values)} runs); "
            "one finished configuration, nothing to compare it with."
        )
    return lines


def _not_compared(findings: Findings, runs: pd.DataFrame) -> str:
    means = runs.groupby("condition")["test_accuracy"].mean()
    best = cast(int, means.idxmax())
    return (
        f"{len(means)} configurations have finished runs and none was compared with another. The highest mean test "
        f"accuracy is that of {findings.label(best)}, {means[best]:.2f} %; how far it stands out was not judged: give "
        "compare.baseline or compare.questions in the space file."
    )


def _best(findings: Findings) -> str:
    explored = findings.runs[findings.runs[STAGE] == "explore"]
    means = explored.groupby("condition")["validation_accuracy"].mean().dropna()
    if means.empty:
        return "The study has no validation set: no configuration is picked from its search."
    best = cast(int, means.idxmax())
    values = findings.runs.loc[findings.runs["condition"] == best, "test_accuracy"].dropna()
    low, high = mean_interval(values.to_numpy())
    return (
        f"Best by validation accuracy among {counted(len(means), 'finished configuration')}: "
        f"{findings.label(best)}, {values.mean():.2f} % test accuracy (95 % interval of the mean "
        f"{interval(low, high, signed=False)}, {len(values)} runs). A search explores: run this "
        "configuration against the baseline with new seeds to judge it."
    )
