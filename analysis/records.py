"""The study's records as tables; ``study.contract.records`` reads the files themselves."""

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.axes import FACTOR_TYPES, STAGE
from study.contract.axes import AXES
from study.contract.files import RECORDS
from study.contract.records import MEASURES, Record, read_record

_AXIS_TYPES = {name: FACTOR_TYPES[name] for name in AXES}
CURVE_TYPES: dict[str, str] = {
    "trial_id": "str",
    STAGE: "str",
    **_AXIS_TYPES,
    "seed": "int64",
    "epoch": "int64",
    "iterations": "int64",
    "train_accuracy": "float64",
    "validation_accuracy": "float64",
    "test_accuracy": "float64",
    "train_loss": "float64",
    "seconds": "float64",
    "diverged": "bool",
    "derived": "bool",
}
LOG_TYPES: dict[str, str] = {
    "trial_id": "str",
    "seed": "int64",
    "epoch": "int64",
    "spent": "float64",
    "finished": "str",
    "host": "str",
    "device": "str",
    "pid": "int64",
    "pack": "str",
}
_PER_EPOCH = ("epoch", "iterations", *MEASURES, "seconds", "diverged")


def read_records(directory: Path) -> tuple[list[Record], list[str]]:
    """Read every record of a results directory, in the order of the trial ids.

    Returns the readable records and the problems met, each naming its file and line.
    """
    records: list[Record] = []
    problems: list[str] = []
    for path in sorted((directory / RECORDS).glob("*.jsonl")):
        try:
            record, found = read_record(path)
        except OSError as error:
            problems.append(f"{RECORDS}/{path.name}: cannot be read: {error.strerror}")
            continue
        problems += found
        if record is not None:
            records.append(record)
    return records, problems


def curves_of(records: list[Record]) -> pd.DataFrame:
    """Return one row per run and epoch, by trial_id, seed and epoch, with the columns of curves.parquet."""
    columns: dict[str, list[Any]] = {name: [] for name in CURVE_TYPES}
    for record in records:
        rows = 0
        for seed, epochs in record.runs().items():
            columns["seed"] += [seed] * len(epochs)
            columns["derived"] += ["derived_from" in run.line for run in epochs.values()]
            for name in _PER_EPOCH:
                columns[name] += [getattr(run, name) for run in epochs.values()]
            rows += len(epochs)
        for name, value in record.configuration.as_dict().items():
            columns[name] += [value] * rows
        columns["trial_id"] += [record.trial_id] * rows
        columns[STAGE] += [record.stage] * rows
    return _table(columns, CURVE_TYPES)


def log_of(records: list[Record]) -> pd.DataFrame:
    """Return one row per run and epoch that was trained: when it ended, where, in which process and pack.

    spent: the run's share of the time of its process in this epoch, seconds. pack: the trial_id where the record names
    none: in format 1 all seeds of a configuration trained in one process. Derived epochs were trained elsewhere.
    """
    columns: dict[str, list[Any]] = {name: [] for name in LOG_TYPES}
    for record in records:
        for seed, epochs in record.runs().items():
            before = 0.0
            for number, run in epochs.items():
                line, spent, before = run.line, run.seconds - before, run.seconds
                if "derived_from" in line:
                    continue
                values = (record.trial_id, seed, number, spent, line["finished"], line["host"], line["device"])
                values = (*values, line["pid"], line.get("pack") or record.trial_id)
                for name, value in zip(LOG_TYPES, values, strict=True):
                    columns[name].append(value)
    return _table(columns, LOG_TYPES)


def empty_curves() -> pd.DataFrame:
    """Return a curves table without rows, with the right columns and types."""
    return curves_of([])


def empty_log() -> pd.DataFrame:
    """Return a log table without rows."""
    return log_of([])


def _table(columns: dict[str, list[Any]], types: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(columns[name], dtype=types[name]) for name in types})
