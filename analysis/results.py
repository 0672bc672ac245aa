"""A results directory as tables: `read` it, or rebuild its curves.parquet from its records.

records/*.jsonl is the truth; curves.parquet stands in only where records/ is absent. trials.parquet
may be missing, or stale after a killed driver, and is reconciled with the records. Nothing that can
be read is refused: what is missing or damaged is named in `Results.problems`.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.history import History, read_history
from analysis.ledger import RUN, first_line, read_parquet, reconciled, runs_of, with_factors
from analysis.records import CURVE_TYPES, curves_of, empty_curves, empty_log, log_of, read_records
from study.contract.files import CURVES, PLAN, PROVENANCE, RECORDS, STUDY, TRIALS_TABLE

# The columns of curves.parquet that every format has.
_CURVE_COLUMNS = (
    *("trial_id", "seed", "epoch", "iterations", "train_accuracy", "validation_accuracy"),
    *("test_accuracy", "train_loss", "seconds", "diverged"),
)


class ResultsError(Exception):
    """The path does not hold the results of a study; the message says what was looked for."""


@dataclass(frozen=True)
class Results:
    """What a results directory holds.

    directory: where it was read from.
    curves: one row per run and epoch, columns as in curves.parquet.
    runs: one row per run of the plan, columns as in trials.parquet of format 2.
    log: one row per run and epoch that was trained, columns `records.LOG_TYPES`; empty without records/.
    study: study.yaml; provenance: provenance.json ({} where missing).
    problems: what is missing, torn or stale, in words. history: the looks at the study, from its plan.
    """

    directory: Path
    curves: pd.DataFrame
    runs: pd.DataFrame
    log: pd.DataFrame
    study: dict[str, Any]
    provenance: dict[str, Any]
    problems: list[str]
    history: History = field(default_factory=History)

    @property
    def name(self) -> str:
        """The study's name, else the directory's."""
        return str(self.study.get("name") or printable(self.directory.resolve().name))

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """The sessions of the provenance, the oldest first."""
        sessions = self.provenance.get("sessions")
        return [s for s in sessions if isinstance(s, dict)] if isinstance(sessions, list) else []

    @property
    def in_flight(self) -> bool:
        """Whether the last session has no end: it still runs, or its driver was killed."""
        return bool(self.sessions) and self.sessions[-1].get("ended") is None

    @property
    def stops_diverged(self) -> bool:
        """Whether a run that diverges is ended there."""
        return self.study.get("on_divergence") == "stop"


def read(directory: Path) -> Results:
    """Read a results directory, however incomplete.

    Raises ResultsError when the path is not a directory or holds no part of a study's results.
    """
    _check(directory)
    problems: list[str] = []
    study = _read_yaml(directory / STUDY, problems)
    provenance = _read_json(directory / PROVENANCE, problems)
    if (directory / RECORDS).is_dir():
        records, found = read_records(directory)
        problems += found
        curves, log = curves_of(records), log_of(records)
    else:
        records, curves, log = [], _read_curves(directory, problems), empty_log()
    runs = runs_of(directory, records, curves, problems)
    results = Results(directory, curves, runs, log, study, provenance, problems)
    runs = reconciled(runs, curves, results.in_flight, results.stops_diverged, problems)
    if results.in_flight:
        problems.append("the study has not ended: it is still running, or its driver was killed")
    return Results(directory, curves, runs, log, study, provenance, problems, read_history(directory / PLAN))


def write_curves(directory: Path) -> Path:
    """Rebuild curves.parquet from records/ and put it in place at once; returns its path.

    Without records/ an existing curves.parquet is left as it is.
    """
    path = directory.absolute() / CURVES
    if not (directory / RECORDS).is_dir() and path.exists():
        return path
    records, _ = read_records(directory)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        curves_of(records).to_parquet(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def printable(value: Any) -> Any:
    """Replace bytes that are not UTF-8, which names of files may hold, in a tree of YAML or JSON by escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list) else value


def _check(directory: Path) -> None:
    if not directory.exists():
        raise ResultsError(f"{directory}: no such directory")
    if not directory.is_dir():
        raise ResultsError(f"{directory}: not a directory; give the results directory of a study")
    parts = (STUDY, RECORDS, CURVES, TRIALS_TABLE)
    if not any((directory / part).exists() for part in parts):
        raise ResultsError(
            f"{directory}: not a results directory (none of {', '.join(parts)} is in it); "
            "a study writes one to results/NAME"
        )


def _read_yaml(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.exists():
        problems.append("study.yaml is missing: the question is unknown, defaults are assumed")
        return {}
    try:
        content = YAML(typ="safe").load(path)
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        problems.append(f"study.yaml cannot be read, defaults are assumed: {first_line(error)}")
        return {}
    if not isinstance(content, dict):
        problems.append("study.yaml is not a mapping of settings: defaults are assumed")
        return {}
    return printable(content)


def _read_json(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.exists():
        problems.append("provenance.json is missing: data set, versions and hardware are unknown")
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        problems.append(f"provenance.json cannot be read: {first_line(error)}")
        return {}
    return printable(content) if isinstance(content, dict) else {}


def _read_curves(directory: Path, problems: list[str]) -> pd.DataFrame:
    problems.append("records/ is missing: curves are taken from curves.parquet")
    table = read_parquet(directory / CURVES, _CURVE_COLUMNS, problems)
    if table is None:
        return empty_curves()
    table = with_factors(table.drop_duplicates([*RUN, "epoch"], keep="last"))
    if "derived" not in table:  # format 1: seconds are those of the whole trial
        seconds = table["seconds"] / table.groupby("trial_id")["seed"].transform("nunique")
        table = table.assign(derived=False, seconds=seconds)
    table = table.sort_values([*RUN, "epoch"], ignore_index=True)
    return table[list(CURVE_TYPES)].astype(CURVE_TYPES)
