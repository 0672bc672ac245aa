"""The tables of the report: data frames that are shown and written as tables/*.csv."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pandas as pd

from analysis.axes import FACTORS, STAGE
from analysis.findings import Findings
from analysis.statistics.comparison import half_width, holm
from analysis.statistics.survival import logrank_p, reached
from study.contract.axes import AXES

MEASURES = (
    *("train_accuracy", "validation_accuracy", "test_accuracy", "selected_accuracy"),
    *("aulc", "gap", "train_loss"),
)
_INTERVALS = ("interval", "joint_interval", "check_interval", "paired_interval")


def summary(findings: Findings, times: pd.DataFrame) -> pd.DataFrame:
    """Return one row per condition, planned ones that have not finished too.

    times: as `time_table`.

    Columns: configuration, the axes, runs (planned), n (finished), diverged (runs), then for every
    measure its mean, sd, low and high (95 % Student-t interval over the n runs; none of a loss that is not finite in
    every run), seconds (mean training time of the finished runs), and for every threshold T:
    reached_T (runs), seen_T (runs that trained at all) and epochs_to_T (Kaplan-Meier median).
    """
    conditions, runs = findings.conditions, findings.runs
    table = conditions[["label", *AXES, "planned"]].rename(columns={"label": "configuration", "planned": "runs"})
    finished = runs[runs["complete"]].groupby("condition")
    table["n"] = finished.size().reindex(table.index).fillna(0).astype("int64")
    diverged = runs.groupby("condition")["diverged"].sum()
    table["diverged"] = diverged.reindex(table.index).fillna(0).astype("int64")
    for measure in MEASURES:
        if measure in ("validation_accuracy", "selected_accuracy") and not findings.has_validation:
            continue
        table = table.join(_spread(runs[runs["complete"]], measure))
    table["seconds"] = finished["seconds"].mean().reindex(table.index)
    return table.join(_thresholds(findings, times))


def time_table(findings: Findings) -> pd.DataFrame:
    """Return one row per (condition, threshold): reached of n, Kaplan-Meier medians."""
    rows = []
    for (condition, threshold), times in groups_of_times(findings):
        result = reached(times)
        rows.append(
            {"condition": condition, "configuration": findings.label(condition)}
            | {"threshold": threshold, "reached": result.reached, "n": result.n, "median_epochs": result.median}
            | {"median_steps": reached(times, "iterations").median}
            | {"median_seconds": reached(times, "seconds").median}
            | {"censored_at": result.last, "text": result.text}
        )
    columns = ("condition", "configuration", "threshold", "reached", "n", "median_epochs")
    more = ("median_steps", "median_seconds", "censored_at", "text")
    return pd.DataFrame(rows, columns=[*columns, *more])


def groups_of_times(findings: Findings) -> Iterator[tuple[tuple[int, float], pd.DataFrame]]:
    """Yield ((condition, threshold), the rows of `Findings.times`)."""
    for key, times in findings.times.groupby(["condition", "threshold"]):
        yield cast(tuple[int, float], key), times


def logrank_table(findings: Findings) -> pd.DataFrame:
    """Return the logrank test of every confirmatory pair at every threshold; of independent runs alone.

    p_adjusted: Holm over all rows of the family.
    """
    groups = {(int(str(c)), float(str(t))): g for (c, t), g in findings.times.groupby(["condition", "threshold"])}
    rows = [
        {"family": pair.family, "name": pair.name, "threshold": threshold}
        | {"a": findings.label(pair.a), "b": findings.label(pair.b)}
        | {"p": logrank_p(groups[pair.a, threshold], groups[pair.b, threshold])}
        for pair in findings.confirmatory
        for threshold in findings.question.thresholds
        if not pair.paired and (pair.a, threshold) in groups and (pair.b, threshold) in groups
    ]
    table = pd.DataFrame(rows, columns=["family", "name", "threshold", "a", "b", "p"])
    table["p_adjusted"] = table.groupby("family")["p"].transform(lambda p: holm(p.to_numpy()))
    return table


def comparison_rows(findings: Findings, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return comparisons for reading: labels for condition numbers, intervals as two columns."""
    if comparisons.empty:
        return comparisons
    table = comparisons.copy()
    for side in ("a", "b"):
        table[side] = [findings.label(int(number)) for number in table[side]]
    for name in (name for name in _INTERVALS if name in table):
        place = int(table.columns.get_indexer(pd.Index([name]))[0])
        pairs = table.pop(name)
        table.insert(place, f"{name}_low", [pair[0] for pair in pairs])
        table.insert(place + 1, f"{name}_high", [pair[1] for pair in pairs])
    return table


def measure_rows(findings: Findings) -> pd.DataFrame:
    """Return the comparisons in the other measures for reading, without verdicts: none is read off."""
    return comparison_rows(findings, findings.measures).drop(columns=["check"], errors="ignore")


def labelled(findings: Findings, table: pd.DataFrame) -> pd.DataFrame:
    """Return a figure's table with the words of a condition beside its number."""
    if "condition" not in table or "configuration" in table:
        return table
    words = table["condition"].map(findings.conditions["label"])
    place = int(table.columns.get_indexer(pd.Index(["condition"]))[0])
    return pd.concat(
        [table.iloc[:, : place + 1], words.rename("configuration"), table.iloc[:, place + 1 :]],
        axis=1,
    )


def run_rows(findings: Findings) -> pd.DataFrame:
    """Return every run of the plan: its condition's words, state, scalars, where and when it was trained."""
    key = ["trial_id", "seed"]
    told, scalars = findings.results.runs, findings.runs
    own = [name for name in scalars if name not in told and name != "condition"]
    table = told.merge(scalars[[*key, *own]], on=key, how="left")
    table["derived"] = table["derived"].eq(True)
    words = table[list(FACTORS)].merge(findings.conditions, on=list(FACTORS), how="left")["label"]
    table.insert(1, "configuration", words.to_numpy())
    order = ["trial_id", "configuration", STAGE, *AXES, "seed", "state", "epochs_done", *own]
    return table[[*order, *(name for name in told if name not in order)]]


def write(tables: dict[str, pd.DataFrame], directory: Path) -> list[Path]:
    """Write every table as directory/NAME.csv, numbers to ten digits, and return the paths."""
    paths = []
    for name, table in tables.items():
        path = directory / f"{name}.csv"
        table.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")
        paths.append(path)
    return paths


def _spread(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    stats = runs.groupby("condition")[measure].agg(["mean", "std", "count", "size"])
    if measure == "train_loss":
        stats = stats.where(stats["count"] == stats["size"])
    half = half_width(stats["std"].to_numpy(), stats["count"].to_numpy())
    columns = {
        f"{measure}_mean": stats["mean"],
        f"{measure}_sd": stats["std"],
        f"{measure}_low": stats["mean"] - half,
        f"{measure}_high": stats["mean"] + half,
    }
    return pd.DataFrame(columns)


def _thresholds(findings: Findings, table: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for threshold in findings.question.thresholds:
        rows = table[table["threshold"] == threshold].set_index("condition")
        columns[f"reached_{threshold:g}"] = rows["reached"]
        columns[f"seen_{threshold:g}"] = rows["n"]
        columns[f"epochs_to_{threshold:g}"] = rows["text"]
    return pd.DataFrame(columns, index=findings.conditions.index)
