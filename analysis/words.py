"""Comparisons as sentences: the same words in the report, in Markdown and in the terminal."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.comparison import MOST_SEEDS, mean_interval
from analysis.families import FAMILIES
from analysis.findings import Findings

UNITS = "percentage points"


def points(value: float) -> str:
    """Return a size in percentage points: '1 point', '2.5 points'."""
    return f"{value:g} point{'' if value == 1 else 's'}"


def mean_sd(mean: float, sd: float) -> str:
    """Return 'mean ± sd', '–' for no value, and the mean alone where one run gives no sd."""
    if math.isnan(mean):
        return "–"
    return f"{mean:.2f}" if math.isnan(sd) else f"{mean:.2f} ± {sd:.2f}"


def interval(low: float, high: float, signed: bool = True) -> str:
    """Return '[low, high]', '–' where there is none."""
    if math.isnan(low):
        return "–"
    return f"[{low:+.2f}, {high:+.2f}]" if signed else f"[{low:.2f}, {high:.2f}]"


def p_value(p: float) -> str:
    """Return a p-value to two digits, '< 0.0001' below that, '–' for none."""
    if math.isnan(p):
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.995 else "1.0"


def verdict(row: Mapping[str, Any], meaningful: float) -> str:
    """Return the verdict on a comparison in words, against the meaningful difference."""
    d = points(meaningful)
    if row["verdict"] == "larger":
        return f"larger than {d}"
    if row["verdict"] == "smaller":
        return f"smaller than {d}"
    needed = row["seeds_needed"]
    if needed is None or math.isnan(needed):
        return f"undecided: {row['note']}" if row["note"] else "undecided"
    if needed > MOST_SEEDS:
        return f"undecided, more than {MOST_SEEDS} seeds would be needed to decide"
    return f"undecided, about {int(needed)} seeds would decide"


def sentence(row: Mapping[str, Any], findings: Findings) -> str:
    """Return one comparison as a sentence, numbers first, verdict last."""
    a, b = findings.label(int(row["a"])), findings.label(int(row["b"]))
    if math.isnan(row["difference"]):
        return f"{a} against {b}: no verdict, {row['note']}."
    side = "higher" if row["difference"] >= 0 else "lower"
    numbers = f"{row['mean_a']:.2f} against {row['mean_b']:.2f} % test accuracy"
    runs = f"{row['n_a']} and {row['n_b']} runs"
    low, high = row["joint_interval"]
    if not math.isnan(low):
        joint = f" jointly over {row['family_size']} comparisons" if row["family_size"] > 1 else ""
        runs = f"95 % interval of the difference{joint} {interval(low, high)}, {runs}"
    by = f"{abs(row['difference']):.2f} points {side}"
    return f"{a} is {by} than {b} ({numbers}; {runs}): {verdict(row, findings.question.meaningful)}."


def headline(findings: Findings) -> list[str]:
    """Return the sentences that answer the study's question, the strongest family alone.

    The declared questions if there are any, else the comparisons with the baseline, else the
    exploratory ones; a study without comparisons gets its means instead.
    """
    table = findings.comparisons
    if table.empty:
        return _means(findings)
    for family in FAMILIES:
        rows = table[table["family"] == family]
        if len(rows):
            return [sentence(row, findings) for row in rows.to_dict("records")]  # type: ignore[arg-type]
    return []


def tally(comparisons: pd.DataFrame, meaningful: float) -> list[str]:
    """Return one line a family: how many differences are larger, smaller, undecided."""
    lines = []
    for family in FAMILIES:
        rows = comparisons[comparisons["family"] == family] if len(comparisons) else comparisons
        if len(rows):
            counts = rows["verdict"].value_counts()
            d = points(meaningful)
            lines.append(
                f"{family}: {counts.get('larger', 0)} of {len(rows)} differences larger than {d}, "
                f"{counts.get('smaller', 0)} smaller, {counts.get('undecided', 0)} undecided"
            )
    return lines


def _means(findings: Findings) -> list[str]:
    runs = findings.runs[findings.runs["test_accuracy"].notna()]
    if runs.empty:
        return ["No run has reached its planned epochs yet: there is nothing to judge."]
    if findings.question.searches and runs["condition"].nunique() > 1:
        return [_best(findings)]
    lines = []
    for condition, group in runs.groupby("condition"):
        values = group["test_accuracy"].to_numpy()
        low, high = mean_interval(values)
        lines.append(
            f"{findings.label(int(str(condition)))}: {values.mean():.2f} % test accuracy "
            f"(95 % interval of the mean {interval(low, high, signed=False)}, {len(values)} runs); "
            "one finished configuration, nothing to compare it with."
        )
    return lines


def _best(findings: Findings) -> str:
    means = findings.runs.groupby("condition")["validation_accuracy"].mean().dropna()
    if means.empty:
        return "The study has no validation set: no configuration is picked from its search."
    best = int(str(means.idxmax()))
    values = findings.runs.loc[findings.runs["condition"] == best, "test_accuracy"].dropna()
    low, high = mean_interval(values.to_numpy())
    return (
        f"Best by validation accuracy among {len(means)} finished configurations: "
        f"{findings.label(best)}, {values.mean():.2f} % test accuracy (95 % interval of the mean "
        f"{interval(low, high, signed=False)}, {len(values)} runs). A search explores: run this "
        "configuration against the baseline with new seeds to judge it."
    )
