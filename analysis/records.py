"""Reads records/*.jsonl, the study's append-only record, into tables.

A record survives a kill at any moment: its last line may be torn, a resumed trial may have repeated
an epoch (the last line counts), and a torn line may stand in the middle of the file. Whatever
cannot be read is skipped and named.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FORMAT = 1
AXES = ("block", "num_blocks", "batch_norm", "lr", "epochs")
_PER_SEED = ("train_accuracy", "validation_accuracy", "test_accuracy", "train_loss", "diverged")
CURVE_TYPES: dict[str, str] = {
    "trial_id": "str",
    "block": "str",
    "num_blocks": "int64",
    "batch_norm": "bool",
    "lr": "float64",
    "epochs": "int64",
    "seed": "int64",
    "epoch": "int64",
    "iterations": "int64",
    "train_accuracy": "float64",
    "validation_accuracy": "float64",
    "test_accuracy": "float64",
    "train_loss": "float64",
    "seconds": "float64",
    "diverged": "bool",
}
LOG_TYPES: dict[str, str] = {
    "trial_id": "str",
    "epoch": "int64",
    "seconds": "float64",
    "finished": "str",
    "host": "str",
    "device": "str",
    "pid": "int64",
}


@dataclass
class Record:
    """One file of records/: a trial's configuration, its seeds and its epochs by number."""

    trial_id: str
    configuration: dict[str, Any]
    seeds: list[int]
    epochs: dict[int, dict[str, Any]] = field(default_factory=dict)


def read_records(directory: Path) -> tuple[list[Record], list[str]]:
    """Read every record of a results directory, in the order of the trial ids.

    Returns the readable records and the problems met, each naming its file and line.
    """
    records: list[Record] = []
    problems: list[str] = []
    for path in sorted((directory / "records").glob("*.jsonl")):
        try:
            record = _read_record(path, problems)
        except OSError as error:
            problems.append(f"records/{path.name}: cannot be read: {error.strerror}")
            continue
        if record is not None:
            records.append(record)
    return records, problems


def curves_of(records: list[Record]) -> pd.DataFrame:
    """Return one row per (trial, seed, epoch), in that order, with the columns of curves.parquet."""
    columns: dict[str, list[Any]] = {name: [] for name in CURVE_TYPES}
    for record in records:
        order = np.argsort(record.seeds, kind="stable")
        epochs = [record.epochs[number] for number in sorted(record.epochs)]
        shape = (len(record.seeds), len(epochs))
        for name in _PER_SEED:
            kind = bool if name == "diverged" else float
            rows = [_per_seed(line, name, shape[0]) for line in epochs]
            block = np.array(rows, dtype=kind).reshape(shape[::-1])[:, order].T
            columns[name].append(block.ravel())
        for name in ("epoch", "iterations", "seconds"):
            values = np.array([line[name] for line in epochs], dtype=float)
            columns[name].append(np.tile(values, shape[0]))
        columns["seed"].append(np.repeat(np.sort(record.seeds), shape[1]))
        columns["trial_id"].append(np.full(shape[0] * shape[1], record.trial_id, dtype=object))
        for axis in AXES:
            value = record.configuration[axis]
            columns[axis].append(np.full(shape[0] * shape[1], value, dtype=object))
    return _frame(columns, CURVE_TYPES)


def log_of(records: list[Record]) -> pd.DataFrame:
    """Return one row per (trial, epoch): when it ended, on which host, device and process."""
    rows: dict[str, list[Any]] = {name: [] for name in LOG_TYPES}
    for record in records:
        for number in sorted(record.epochs):
            line = record.epochs[number]
            rows["trial_id"].append(record.trial_id)
            rows["epoch"].append(number)
            rows["seconds"].append(line["seconds"])
            rows["finished"].append(str(line.get("finished") or ""))
            rows["host"].append(str(line.get("host") or "unknown host"))
            rows["device"].append(str(line.get("device") or "unknown device"))
            rows["pid"].append(int(line.get("pid") or 0))
    return pd.DataFrame({name: pd.Series(rows[name], dtype=LOG_TYPES[name]) for name in LOG_TYPES})


def empty_curves() -> pd.DataFrame:
    """Return a curves table without rows, with the right columns and types."""
    return _frame({name: [] for name in CURVE_TYPES}, CURVE_TYPES)


def empty_log() -> pd.DataFrame:
    """Return a log table without rows."""
    return log_of([])


def _frame(columns: dict[str, list[Any]], types: dict[str, str]) -> pd.DataFrame:
    def joined(parts: list[Any]) -> Any:
        return np.concatenate(parts) if parts else []

    return pd.DataFrame({name: joined(columns[name]) for name in types}).astype(dict(types))


def _per_seed(line: dict[str, Any], name: str, seeds: int) -> list[Any]:
    values = line.get(name)
    if values is None:
        return [False if name == "diverged" else None] * seeds
    return values


def _read_record(path: Path, problems: list[str]) -> Record | None:
    text = path.read_bytes().decode("utf-8", errors="replace")
    if not text.strip():
        problems.append(f"records/{path.name}: empty; the trial wrote nothing yet")
        return None
    parsed: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"records/{path.name}, line {number}"
        content = _parse(line)
        if content is not None:
            parsed.append((place, content))
        elif line.strip():
            problems.append(f"{place}: torn or not JSON; skipped")
    # The first line, unless it was torn: then the resumed trial wrote another one further down.
    described = next((line for line in parsed if "configuration" in line[1]), None)
    if described is None:
        problems.append(f"records/{path.name}: no readable line says which trial this is; skipped")
        return None
    record = _header(described[1], described[0], problems)
    if record is not None:
        _add_epochs(record, parsed, problems)
    return record


def _add_epochs(record: Record, lines: list[tuple[str, dict[str, Any]]], problems: list[str]) -> None:
    for place, content in lines:
        if "configuration" in content:
            continue
        if complaint := _complaint(content, len(record.seeds)):
            problems.append(f"{place}: {complaint}; skipped")
        else:
            record.epochs[content["epoch"]] = content


def _parse(line: str) -> dict[str, Any] | None:
    """Parse a line; where a resumed trial wrote behind a torn line, the whole one behind it counts."""
    for text in (line, line[line.rfind('{"epoch"') :]):
        try:
            content = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(content, dict):
            return content
    return None


def _header(content: dict[str, Any], place: str, problems: list[str]) -> Record | None:
    configuration, seeds = content.get("configuration"), content.get("seeds")
    if content.get("format") != FORMAT:
        problems.append(f"{place}: format {content.get('format')!r}, this version reads format {FORMAT}; skipped")
        return None
    if not isinstance(configuration, dict) or any(axis not in configuration for axis in AXES):
        configuration = None
    if configuration is None or not isinstance(seeds, list) or not seeds or "trial_id" not in content:
        problems.append(f"{place}: not a whole description of a trial; its file is skipped")
        return None
    return Record(str(content["trial_id"]), configuration, [int(seed) for seed in seeds])


def _complaint(line: dict[str, Any], seeds: int) -> str | None:
    epoch = line.get("epoch")
    if not isinstance(epoch, int) or epoch < 1:
        return f"epoch {epoch!r} is not a whole number from 1"
    for name in ("iterations", "seconds"):
        if not isinstance(line.get(name), int | float):
            return f"{name} is missing"
    for name in _PER_SEED:
        values = line.get(name)
        if values is None and name in ("validation_accuracy", "diverged"):
            continue
        if not isinstance(values, list) or len(values) != seeds:
            return f"{name} does not hold one value for each of the {seeds} seeds"
        if not all(value is None or isinstance(value, int | float) for value in values):
            return f"{name} holds something other than numbers"
    return None
