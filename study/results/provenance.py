"""Where a result comes from: versions, commit, command line, hardware and data, a session at a time."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from study.data import ImageData
from study.data.arrays import fingerprint_of
from study.results.clock import now
from study.results.files import write_json
from study.results.machine import Facts, git_state, versions

FORMAT = 1


class Session:
    """One session in provenance.json, which the first one makes; timed by a clock that nobody sets.

    Args:
        file: provenance.json.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began: float | None = None

    def begin(self, data: ImageData, precision: str, command: str, nodes: list[Facts]) -> None:
        """Add it; its outcome is "running" until ``end``."""
        session = {
            "command": command,
            "started": now(),
            "ended": None,
            "seconds": None,
            "outcome": "running",
            "versions": versions(),
            "git": git_state(Path(__file__)),
            "hardware": {"nodes": nodes},
            "computation": [],
        }
        content = read_provenance(self._file) or {"format": FORMAT, "data": describe_data(data), "precision": precision}
        content.setdefault("sessions", []).append(session)
        write_json(self._file, content)
        self._began = time.monotonic()

    def end(self, outcome: str) -> None:
        """Say how it ended: completed, failed (some runs did) or interrupted; nothing where it did not begin."""
        content = read_provenance(self._file)
        if content is None or self._began is None:
            return
        seconds = time.monotonic() - self._began
        content["sessions"][-1] |= {"ended": now(), "seconds": seconds, "outcome": outcome}
        write_json(self._file, content)


def add_computation(file: Path, described: Mapping[str, str]) -> None:
    """Add how a process of the last session computes (``study.training.describe``), unless another did so too."""
    content = read_provenance(file)
    if content is not None and dict(described) not in content["sessions"][-1]["computation"]:
        content["sessions"][-1]["computation"].append(dict(described))
        write_json(file, content)


def read_provenance(file: Path) -> dict[str, Any] | None:
    """The content, or None where there is no file.

    Raises:
        ValueError: the file is not what this project writes.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error}); a study cannot be resumed without it") from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        raise ValueError(f"{file} does not hold a study's provenance")
    return content


def hours_of_sessions(file: Path, last_change: Path) -> float:
    """What all sessions so far took together.

    Args:
        file: provenance.json.
        last_change: a file that sessions write often: one that was killed ended then, as far as can be known.
    """
    content = read_provenance(file)
    hours = 0.0
    for session in content["sessions"] if content else ():
        if session.get("seconds") is not None:
            hours += session["seconds"] / 3600
            continue
        # One that was killed, or of an earlier version: by the machine's clock, which may have been set meanwhile.
        if session["ended"] is not None:
            end = datetime.fromisoformat(session["ended"])
        elif last_change.exists():
            end = datetime.fromtimestamp(last_change.stat().st_mtime, UTC)
        else:
            continue
        hours += max(0.0, (end - datetime.fromisoformat(session["started"])).total_seconds() / 3600)
    return hours


def describe_data(data: ImageData) -> dict[str, Any]:
    """Name, fingerprint and numbers of images of a data set."""
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "train": len(data.train_labels),
        "validation": len(data.validation_labels),
        "test": len(data.test_labels),
        "classes": list(data.classes),
        "validation_fingerprint": fingerprint_of(data.classes, data.validation_images, data.validation_labels),
    }
