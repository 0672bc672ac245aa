"""A trial's own append-only record: its configuration, then a line an epoch."""

import dataclasses
import datetime
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.contract.axes import Configuration

FORMAT = 1
STATE_FILE = "state.pt"  # of a checkpoint
Row = dict[str, Any]


class TrialRecord:
    """The file ``records/<trial_id>.jsonl`` of one trial.

    Lines are only ever added, each flushed to the disk before the next epoch starts. An epoch that is trained again
    after a failure is added again; the last line of an epoch counts. A process may die while it writes, so a line may
    be torn; readers skip it.

    Args:
        folder: the results directory's ``records``. It must exist: a machine that does not share it would make one of
            its own, and the record would be lost there.
        trial_id: names the file.
        configuration: of the trial.
        seeds: of the trial, in the order of the per-seed values.
    """

    def __init__(self, folder: Path, trial_id: str, configuration: Configuration, seeds: Sequence[int]) -> None:
        self.path = folder / f"{trial_id}.jsonl"
        if header(self.path) is None:
            self.append(
                {
                    "format": FORMAT,
                    "trial_id": trial_id,
                    "configuration": dataclasses.asdict(configuration),
                    "seeds": list(seeds),
                }
            )

    def append(self, row: Row) -> None:
        """Add one line and wait until it is on the disk."""
        append(self.path, row)

    def add_missing(self, rows: Sequence[Row]) -> None:
        """Append those rows of a checkpoint whose epochs the file does not hold."""
        add_missing(self.path, rows)


def add_missing(record: Path, rows: Sequence[Row]) -> None:
    """Append those rows of a checkpoint whose epochs the record does not hold."""
    present = epoch_rows(record)
    for row in rows:
        if row["epoch"] not in present:
            append(record, row)


def append(record: Path, row: Row) -> None:
    """Add one line to a record and wait until it is on the disk."""
    line = json.dumps(row, allow_nan=False).encode() + b"\n"
    with record.open("ab+") as file:
        if file.tell() and not _ends_with_newline(file):
            line = b"\n" + line  # what stands there is the torn line of a process that was killed
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def header(record: Path) -> Row | None:
    """The line that says what the trial is; None where there is none that can be read."""
    return next((row for row in _lines(record) if "configuration" in row), None)


def epoch_rows(path: Path) -> dict[int, Row]:
    """The last readable row of each epoch of a record, by epoch in increasing order; empty without a file."""
    rows = {row["epoch"]: row for row in _lines(path) if "epoch" in row}
    return dict(sorted(rows.items()))


def finite_or_none(values: Sequence[float]) -> list[float | None]:
    """Standard JSON knows neither NaN nor infinity; both are written as null."""
    return [value if math.isfinite(value) else None for value in values]


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat()


def _lines(path: Path) -> list[Row]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
