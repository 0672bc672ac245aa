"""A results directory as tables: `read` it, or rebuild its curves.parquet from its records.

records/*.jsonl is the truth; curves.parquet stands in only where records/ is absent. trials.parquet
may be missing, or stale after a killed driver, and is reconciled with the records. Nothing that can
be read is refused: what is missing or damaged is named in `Results.problems`.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.records import (
    AXES,
    CURVE_TYPES,
    Record,
    curves_of,
    empty_curves,
    empty_log,
    log_of,
    read_records,
)

__all__ = ["AXES", "Results", "ResultsError", "read", "write_curves"]

TRIAL_COLUMNS = (
    *("trial_id", *AXES, "seeds", "status", "epochs_done", "error", "started", "ended"),
    *("host", "device", "directory"),
)
_OPEN = ("not_started", "running")


class ResultsError(Exception):
    """The path does not hold the results of a study; the message says what was looked for."""


@dataclass(frozen=True)
class Results:
    """What a results directory holds.

    directory: where it was read from.
    curves: one row per (trial_id, seed, epoch), columns as in curves.parquet.
    trials: one row per trial, columns as in trials.parquet.
    log: one row per (trial_id, epoch): finished, host, device, pid; empty without records/.
    study: study.yaml; provenance: provenance.json ({} where missing).
    problems: what is missing, torn or stale, in words.
    """

    directory: Path
    curves: pd.DataFrame
    trials: pd.DataFrame
    log: pd.DataFrame
    study: dict[str, Any]
    provenance: dict[str, Any]
    problems: list[str]

    @property
    def name(self) -> str:
        """The study's name, else the directory's."""
        return str(self.study.get("name") or self.directory.resolve().name)

    @property
    def in_flight(self) -> bool:
        """Whether the last session has no end: it still runs, or its driver was killed."""
        sessions = self.provenance.get("sessions")
        last = sessions[-1] if isinstance(sessions, list) and sessions else {}
        return isinstance(last, dict) and bool(last) and last.get("ended") is None


def read(directory: Path) -> Results:
    """Read a results directory, however incomplete.

    Raises ResultsError when the path is not a directory or holds no part of a study's results.
    """
    _check(directory)
    problems: list[str] = []
    study = _read_yaml(directory / "study.yaml", problems)
    provenance = _read_json(directory / "provenance.json", problems)
    if (directory / "records").is_dir():
        records, found = read_records(directory)
        problems += found
        curves, log = curves_of(records), log_of(records)
    else:
        records, curves, log = [], _read_curves(directory, problems), empty_log()
    trials = _trials(directory, records, curves, problems)
    results = Results(directory, curves, trials, log, study, provenance, problems)
    return _reconciled(results)


def write_curves(directory: Path) -> Path:
    """Rebuild curves.parquet from records/ and put it in place at once; returns its path.

    Without records/ an existing curves.parquet is left as it is.
    """
    path = directory / "curves.parquet"
    if not (directory / "records").is_dir() and path.exists():
        return path
    records, _ = read_records(directory)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        curves_of(records).to_parquet(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _check(directory: Path) -> None:
    if not directory.exists():
        raise ResultsError(f"{directory}: no such directory")
    if not directory.is_dir():
        raise ResultsError(f"{directory}: not a directory; give the results directory of a study")
    parts = ("study.yaml", "records", "curves.parquet", "trials.parquet")
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
        problems.append(f"study.yaml cannot be read, defaults are assumed: {_first_line(error)}")
        return {}
    if not isinstance(content, dict):
        problems.append("study.yaml is not a mapping of settings: defaults are assumed")
        return {}
    return content


def _read_json(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.exists():
        problems.append("provenance.json is missing: data set, versions and hardware are unknown")
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        problems.append(f"provenance.json cannot be read: {_first_line(error)}")
        return {}
    return content if isinstance(content, dict) else {}


def _read_curves(directory: Path, problems: list[str]) -> pd.DataFrame:
    problems.append("records/ is missing: curves are taken from curves.parquet")
    table = _read_parquet(directory / "curves.parquet", tuple(CURVE_TYPES), problems)
    if table is None:
        return empty_curves()
    table = table.drop_duplicates(["trial_id", "seed", "epoch"], keep="last")
    table = table.sort_values(["trial_id", "seed", "epoch"], ignore_index=True)
    return table.astype(CURVE_TYPES)


def _read_parquet(path: Path, columns: tuple[str, ...], problems: list[str]) -> pd.DataFrame | None:
    if not path.exists():
        problems.append(f"{path.name} is missing")
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        problems.append(f"{path.name} cannot be read: {_first_line(error)}")
        return None
    lacking = [name for name in columns if name not in table]
    if lacking:
        problems.append(f"{path.name} lacks the columns {', '.join(lacking)}: not used")
        return None
    return table[list(columns)]


def _trials(directory: Path, records: list[Record], curves: pd.DataFrame, problems: list[str]) -> pd.DataFrame:
    """Return trials.parquet, with a row added for every trial that only the records know."""
    table = _read_parquet(directory / "trials.parquet", TRIAL_COLUMNS, problems)
    known = set() if table is None else set(table["trial_id"])
    seen = [(r.trial_id, r.configuration, r.seeds) for r in records]
    if not records:
        seen = [
            (str(trial), group.iloc[0][list(AXES)].to_dict(), sorted(set(group["seed"])))
            for trial, group in curves.groupby("trial_id")
        ]
    extra = [
        {"trial_id": trial, **{axis: c[axis] for axis in AXES}, "seeds": seeds, "status": "running"}
        for trial, c, seeds in seen
        if trial not in known
    ]
    if table is not None and extra:
        named = ", ".join(row["trial_id"] for row in extra)
        problems.append(f"trials.parquet does not know trial {named}, found in the records")
    added = pd.DataFrame(extra, columns=list(TRIAL_COLUMNS)).astype({"trial_id": "str"})
    if table is None or table.empty:
        return added
    return pd.concat([table, added], ignore_index=True) if extra else table.copy()


def _reconciled(results: Results) -> Results:
    """Bring each trial's epochs and status up to what the records show, and say what was stale."""
    trials, problems = results.trials, list(results.problems)
    done = results.curves.groupby("trial_id")["epoch"].max()
    recorded = trials["trial_id"].map(done).fillna(0).astype("int64")
    said = pd.to_numeric(trials["epochs_done"]).fillna(recorded).astype("int64")
    complete = recorded >= trials["epochs"].astype("int64")
    status = trials["status"].astype("object").copy()
    late = status.isin(_OPEN) & complete
    status[late] = "completed"
    open_state = "running" if results.in_flight else "interrupted"
    status[status.isin(_OPEN) & (recorded > 0)] = open_state
    status[(status == "running") & ~complete] = open_state
    if (stale := int(((said != recorded) | late).sum())) and results.in_flight:
        problems.append(f"trials.parquet is behind the records for {counted(stale, 'trial')}")
    elif lost := list(trials.loc[said > recorded, "trial_id"]):
        problems.append(f"records/ holds fewer epochs than trials.parquet says: {', '.join(lost)}")
    if results.in_flight:
        problems.append("the study has not ended: it is still running, or its driver was killed")
    trials = trials.assign(status=status.astype("str"), epochs_done=recorded)
    trials = trials.sort_values("trial_id", ignore_index=True)
    return Results(**{**vars(results), "trials": trials.astype({"epochs": "int64"}), "problems": problems})


def counted(number: int, noun: str) -> str:
    """So many of a thing: 1 trial, 2 trials."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
