"""The runs of a study and where each stands: trials.parquet, reconciled with the records.

The table may be missing, or stale after a killed driver: runs that only the records or plan.jsonl know are added, and
states are brought up to what was recorded. Format 1's table has a row a trial, all its seeds together; it is read as a
row a run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from analysis.axes import FACTOR_TYPES, FACTORS, STAGE
from study.contract.axes import AXES
from study.contract.files import PLAN, TRIALS_TABLE
from study.contract.lines import parse_lines
from study.contract.records import Record

RUN = ["trial_id", "seed"]
_TEXTS = ("error", "started", "ended", "host", "device", "pack", "directory")
RUN_TYPES: dict[str, str] = {
    "trial_id": "str",
    **{factor: FACTOR_TYPES[factor] for factor in (STAGE, *AXES)},
    "seed": "int64",
    "state": "str",
    "epochs_done": "int64",
    **dict.fromkeys(_TEXTS, "object"),
}
OPEN = ("planned", "running", "interrupted")  # the states of a run that has not ended
_NEEDED = ("trial_id", "epochs_done")


RunKey = tuple[str, int]  # trial_id and seed


class _End(NamedTuple):
    """How a run ended before its planned epochs, by a line of plan.jsonl."""

    state: str
    error: str | None


def runs_of(directory: Path, records: list[Record], curves: pd.DataFrame, problems: list[str]) -> pd.DataFrame:
    """Return a row for every run of the study, with the columns of ``RUN_TYPES``; states are not reconciled yet."""
    table = read_table(directory / TRIALS_TABLE, problems)
    known = pd.DataFrame(columns=list(RUN_TYPES)) if table is None else table
    recorded = _recorded(records, curves)
    extra = _missing_from(known, recorded)
    if table is not None and extra:
        trials = ", ".join(dict.fromkeys(row["trial_id"] for row in extra))
        problems.append(f"{TRIALS_TABLE} does not know {counted(len(extra), 'run')} found in the records: {trials}")
    asked, ends = _plan(directory / PLAN, problems)
    planned = _missing_from(known, asked)
    seen = {(row["trial_id"], row["seed"]) for row in extra}
    extra += [row for row in planned if (row["trial_id"], row["seed"]) not in seen]
    if extra:
        known = pd.concat([known.astype("object"), pd.DataFrame(extra).astype("object")], ignore_index=True)
    return _ended(typed(known), ends)


def read_table(path: Path, problems: list[str]) -> pd.DataFrame | None:
    """Return trials.parquet as a row a run; None, and a problem, where it is missing or cannot be used."""
    table = read_parquet(path, _NEEDED, problems)
    if table is None:
        return None
    if "seeds" in table and "status" in table:
        table = table.rename(columns={"seeds": "seed", "status": "state"}).explode("seed", ignore_index=True)
        table["state"] = table["state"].replace("not_started", "planned")
    if lacking := [name for name in ("seed", "state") if name not in table]:
        problems.append(f"{path.name} lacks the columns {', '.join(lacking)}: not used")
        return None
    return typed(table[table["seed"].notna()])


def reconciled(
    runs: pd.DataFrame, curves: pd.DataFrame, in_flight: bool, stops_diverged: bool, problems: list[str]
) -> pd.DataFrame:
    """Bring each run's epochs and state up to what the records show, and say what was stale.

    in_flight: whether the last session has no end. stops_diverged: whether a run ends when it diverges.
    """
    last = curves.groupby(RUN)[["epoch", "diverged", "derived"]].last().reindex(pd.MultiIndex.from_frame(runs[RUN]))
    recorded = last["epoch"].fillna(0).astype("int64").to_numpy()
    diverged, derived = (last[name].eq(True).to_numpy() for name in ("diverged", "derived"))
    complete = (recorded >= runs["epochs"].to_numpy()) | (stops_diverged & diverged)
    state = runs["state"].astype("object")
    late = state.isin(OPEN) & complete
    state = state.where(~late, "completed")
    state = state.mask((state == "completed") & derived, "derived")
    open_state = "running" if in_flight else "interrupted"
    unfinished = (state == "running") | ((state == "planned") & (recorded > 0))
    state = state.where(~unfinished, open_state)
    state = state.mask((state == "interrupted") & (recorded == 0), "planned")
    said = runs["epochs_done"].to_numpy()
    stale, lost = (said != recorded) | late.to_numpy(), said > recorded
    if stale.any() and in_flight:
        problems.append(f"{TRIALS_TABLE} is behind the records for {counted(int(stale.sum()), 'run')}")
    elif lost.any():
        trials = ", ".join(dict.fromkeys(runs.loc[lost, "trial_id"]))
        problems.append(
            f"records/ holds fewer epochs than {TRIALS_TABLE} says for {counted(int(lost.sum()), 'run')}: {trials}"
        )
    runs = runs.assign(state=state.astype("str"), epochs_done=recorded)
    return runs.sort_values(RUN, ignore_index=True)


def read_parquet(path: Path, columns: tuple[str, ...], problems: list[str]) -> pd.DataFrame | None:
    """Return a table that has the given columns; None, and a problem, where there is none."""
    if not path.exists():
        problems.append(f"{path.name} is missing")
        return None
    try:
        table = pd.read_parquet(path.absolute())
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        problems.append(f"{path.name} cannot be read: {first_line(error)}")
        return None
    if lacking := [name for name in columns if name not in table]:
        problems.append(f"{path.name} lacks the columns {', '.join(lacking)}: not used")
        return None
    return table


def with_factors(table: pd.DataFrame) -> pd.DataFrame:
    """Add the stage and the axes that an older table does not know, at their defaults."""
    defaults = {name: axis.default for name, axis in AXES.items()} | {STAGE: "explore"}
    return table.assign(**{name: defaults[name] for name in FACTORS if name not in table})


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of runs with every column of ``RUN_TYPES``, in their order and types."""
    table = with_factors(table)
    table = table.assign(**{name: None for name in _TEXTS if name not in table})
    table["epochs_done"] = pd.to_numeric(table["epochs_done"]).fillna(0)
    table = table[list(RUN_TYPES)].astype(RUN_TYPES)
    texts = {name: table[name].where(table[name].notna(), None) for name in _TEXTS}
    return table.assign(**texts).reset_index(drop=True)


def counted(number: int, noun: str) -> str:
    """So many of a thing: 1 run, 2 runs."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_line(error: Exception) -> str:
    """The first line of what an error says, its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _missing_from(known: pd.DataFrame, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    have = set(zip(known["trial_id"], known["seed"], strict=True))
    return [row for row in rows if (row["trial_id"], row["seed"]) not in have]


def _recorded(records: list[Record], curves: pd.DataFrame) -> list[dict[str, Any]]:
    """The runs that the records know, or the curves where there are no records."""
    if not records:
        found = curves.drop_duplicates(RUN)[["trial_id", STAGE, *AXES, "seed"]]
        return [{**row, "state": "running", "epochs_done": None} for row in found.to_dict("records")]  # type: ignore[dict-item]
    return [
        {"trial_id": record.trial_id, STAGE: record.stage, **record.configuration.as_dict()}
        | {"seed": seed, "state": "running", "epochs_done": None}
        for record in records
        for seed in sorted({*record.seeds, *(seed for line in record.lines for seed in line["seeds"])})
    ]


def _ended(runs: pd.DataFrame, ends: Mapping[RunKey, _End]) -> pd.DataFrame:
    """Runs with the ends that plan.jsonl tells and the table, which is written now and then, does not know yet."""
    if not ends:
        return runs
    keys = zip(runs["trial_id"], runs["seed"], strict=True)
    found = [ends.get(key) if state in OPEN else None for key, state in zip(keys, runs["state"], strict=True)]
    known = zip(found, runs["state"], runs["error"], strict=True)
    rows = [_End(state, error) if end is None else end for end, state, error in known]
    errors = pd.Series([each.error for each in rows], dtype="object")
    return runs.assign(state=[each.state for each in rows], error=errors)


def _plan(path: Path, problems: list[str]) -> tuple[list[dict[str, Any]], dict[RunKey, _End]]:
    """The runs that plan.jsonl asks for, and how they ended early; what cannot be understood of it is passed over."""
    configurations: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    ends: dict[RunKey, _End] = {}
    if not path.exists():
        return rows, ends
    try:
        lines, _ = parse_lines(path.read_bytes(), path.name)
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror}")
        return rows, ends
    for _, event in lines:
        try:
            name, trial = event["event"], str(event.get("trial_id", ""))
            if name == "configuration":
                values = {axis: event["configuration"][axis] for axis in AXES if axis in event["configuration"]}
                configurations[trial] = {"trial_id": trial, STAGE: event.get("stage", "explore"), **values}
            elif name == "runs":
                rows += [
                    {**configurations[trial], "seed": int(seed), "state": "planned", "epochs_done": None}
                    for seed in event["seeds"]
                ]
            elif name == "pack":  # a run that failed is tried again
                for key in _keys(event):
                    ends.pop(key, None)
            elif name == "end" and event["state"] in ("stopped", "failed"):
                ends |= dict.fromkeys(_keys(event), _End(event["state"], str(event.get("error") or "") or None))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # what a lost line described: the records and the table say the rest
    return [{**{name: axis.default for name, axis in AXES.items()}, **row} for row in rows], ends


def _keys(event: Mapping[str, Any]) -> list[RunKey]:
    return [(str(name), int(seed)) for name, seed in event["runs"]]
