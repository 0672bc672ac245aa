"""Several results directories as one: runs of the same configuration and stage, trained in different places."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.axes import FACTORS
from analysis.history import History
from analysis.ledger import RUN
from analysis.results import Results, ResultsError, read


def read_all(directories: Sequence[Path]) -> Results:
    """Read one results directory, or join several; the question is that of the first.

    A configuration keeps the trial_id that it has in the first directory that knows it; those of further directories
    carry the directory's name. A run that stands in several counts once, where it came furthest.

    Raises ResultsError when one is no results directory, or when their runs do not compare: other images, another
    precision, another number of images held out, or diverged runs treated otherwise.
    """
    parts = [read(directory) for directory in directories]
    first = parts[0]
    if len(parts) == 1:
        return first
    for other in parts[1:]:
        _check_alike(first, other)
    named: list[Results] = []
    known: dict[tuple[Any, ...], str] = {}
    for number, part in enumerate(parts):
        named.append(_renamed(part, known, f"{part.directory.name}/" if number else ""))
    runs = pd.concat([part.runs.assign(source=n) for n, part in enumerate(named)], ignore_index=True)
    runs = runs.sort_values([*RUN, "epochs_done", "source"], ascending=[True, True, False, True], kind="stable")
    runs = runs.drop_duplicates(RUN, ignore_index=True)
    return replace(
        first,
        curves=_rows(named, runs, lambda part: part.curves),
        runs=runs.drop(columns="source"),
        log=_rows(named, runs, lambda part: part.log),
        provenance={**first.provenance, "sessions": [s for part in reversed(parts) for s in part.sessions]},
        history=History(),
        problems=[f"{part.directory}: {problem}" for part in parts for problem in part.problems],
    )


def _check_alike(first: Results, other: Results) -> None:
    for said, value in (
        ("images (their fingerprints)", _fingerprint),
        ("precision", lambda r: r.provenance.get("precision")),
        ("validation", lambda r: r.study.get("validation", 0)),
        ("on_divergence", lambda r: r.study.get("on_divergence", "continue")),
    ):
        ours, theirs = value(first), value(other)
        if ours != theirs or ours is None:
            raise ResultsError(
                f"{other.directory} cannot be joined with {first.directory}, their runs do not compare: "
                f"{said}: {_told(theirs)} and {_told(ours)}; analyse them one by one"
            )


def _fingerprint(results: Results) -> Any:
    data = results.provenance.get("data")
    return data.get("fingerprint") if isinstance(data, dict) else None


def _told(value: Any) -> str:
    return "unknown" if value is None else str(value)[:16]


def _renamed(part: Results, known: dict[tuple[Any, ...], str], prefix: str) -> Results:
    """Give the configurations the names they have in all directories together, and packs names of their own."""
    names: dict[str, str] = {}
    for row in part.runs.drop_duplicates("trial_id").to_dict("records"):
        key, own = tuple(row[factor] for factor in FACTORS), str(row["trial_id"])
        names[own] = known.setdefault(key, f"{prefix}{own}")
    tables = {}
    for name, table in (("curves", part.curves), ("runs", part.runs), ("log", part.log)):
        table = table.assign(trial_id=table["trial_id"].map(names).astype("str"))
        if "pack" in table:
            table["pack"] = table["pack"].where(table["pack"].isna(), prefix + table["pack"].astype("str"))
        tables[name] = table
    return replace(part, **tables)


def _rows(parts: list[Results], runs: pd.DataFrame, table: Callable[[Results], pd.DataFrame]) -> pd.DataFrame:
    """The rows of each run from the directory that it is taken from."""
    kept = []
    for number, part in enumerate(parts):
        own = pd.MultiIndex.from_frame(runs.loc[runs["source"] == number, RUN])
        rows = table(part)
        kept.append(rows[pd.MultiIndex.from_frame(rows[RUN]).isin(own)])
    return pd.concat(kept, ignore_index=True).sort_values([*RUN, "epoch"], ignore_index=True)
