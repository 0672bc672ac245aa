"""What a results directory holds, and how it is written so that nothing is lost."""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from study.contract.axes import Configuration

Status = Literal["not_started", "running", "completed", "stopped", "failed", "interrupted"]


@dataclass
class TrialStatus:
    """A row of trials.parquet: where a trial of the plan stands.

    Attributes:
        trial_id: position in the plan, the name of its record.
        configuration: of the trial.
        seeds: of the trial.
        status: "stopped" is a scheduler's early stop; "interrupted" was running when the study was ended.
        epochs_done: rows of its record.
        error: why it failed.
        started: UTC, ISO 8601; of its last start.
        ended: likewise.
        host: machine of its last epoch.
        device: of its last epoch.
        directory: its folder below trials/.
    """

    trial_id: str
    configuration: Configuration
    seeds: tuple[int, ...]
    status: Status = "not_started"
    epochs_done: int = 0
    error: str | None = None
    started: str | None = None
    ended: str | None = None
    host: str | None = None
    device: str | None = None
    directory: str | None = None

    def follow(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Take over what the trial's record says, by epoch: how far it came, and where its last epoch ran."""
        self.epochs_done = max(rows, default=0)
        if rows:
            self.host, self.device = rows[self.epochs_done]["host"], rows[self.epochs_done]["device"]

    def row(self) -> dict[str, Any]:
        """The row, the configuration's axes as columns of their own."""
        values = asdict(self)
        configuration = values.pop("configuration")
        return {"trial_id": values.pop("trial_id"), **configuration, **values, "seeds": list(self.seeds)}


@dataclass(frozen=True)
class ResultsDirectory:
    """The paths of a results directory; docs/results-directory.md says what each file holds."""

    path: Path

    @property
    def study(self) -> Path:
        """The study with every default written out."""
        return self.path / "study.yaml"

    @property
    def provenance(self) -> Path:
        """Versions, hardware, data and the sessions."""
        return self.path / "provenance.json"

    @property
    def records(self) -> Path:
        """The study's own append-only records."""
        return self.path / "records"

    @property
    def trials(self) -> Path:
        """Ray Tune's own directory; one experiment in it for each session."""
        return self.path / "trials"

    @property
    def trials_table(self) -> Path:
        """Every trial with its status."""
        return self.path / "trials.parquet"

    @property
    def lock(self) -> Path:
        """Held by the process that runs the study."""
        return self.path / ".lock"

    def record(self, trial_id: str) -> Path:
        """The record of one trial."""
        return self.records / f"{trial_id}.jsonl"

    def write_trials(self, trials: Iterable[TrialStatus]) -> None:
        """Write trials.parquet whole, so that a reader sees the old table or the new one."""
        table = pd.DataFrame([trial.row() for trial in trials])
        with _replacing(self.trials_table) as temporary:
            table.to_parquet(temporary, index=False)

    def read_trials(self) -> dict[str, dict[str, Any]]:
        """The rows of trials.parquet by trial_id; empty where there is none that can be read."""
        try:
            table = pd.read_parquet(self.trials_table)
        except (OSError, ValueError):
            return {}
        # pandas reads a missing text as NaN, which is true.
        table = table.astype(object).where(table.notna(), None)
        rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
        return {row["trial_id"]: row for row in rows}


def write_text(path: Path, text: str) -> None:
    """Write a file whole: after a crash it holds the old text or the new, never a part."""
    with _replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """``write_text`` of a value as readable JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@dataclass
class _replacing:  # noqa: N801  (used as a function)
    """A temporary file beside ``path`` that takes its place when the block ends well."""

    path: Path
    _temporary: Path = field(init=False)

    def __enter__(self) -> Path:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        os.close(handle)
        self._temporary = Path(name)
        return self._temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._temporary.unlink(missing_ok=True)
            return
        with self._temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes a file for its owner alone; a results directory is read by others too.
        umask = os.umask(0)
        os.umask(umask)
        self._temporary.chmod(0o666 & ~umask)
        self._temporary.replace(self.path)
