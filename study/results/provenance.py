"""Where a result comes from: versions, commit, command line, hardware and data, a session at a time."""

import json
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


def begin_session(file: Path, data: ImageData, precision: str, command: str, nodes: list[Facts]) -> None:
    """Add a session to provenance.json, which the first one makes; its outcome is "running" until ``end_session``."""
    session = {
        "command": command,
        "started": now(),
        "ended": None,
        "outcome": "running",
        "versions": versions(),
        "git": git_state(Path(__file__)),
        "hardware": {"nodes": nodes},
        "computation": [],
    }
    content = read_provenance(file) or {"format": FORMAT, "data": describe_data(data), "precision": precision}
    content.setdefault("sessions", []).append(session)
    write_json(file, content)


def add_computation(file: Path, described: Mapping[str, str]) -> None:
    """Add how a process of the last session computes (``study.training.describe``), unless another did so too."""
    content = read_provenance(file)
    if content is not None and dict(described) not in content["sessions"][-1]["computation"]:
        content["sessions"][-1]["computation"].append(dict(described))
        write_json(file, content)


def end_session(file: Path, outcome: str) -> None:
    """Say how the last session ended: completed, failed (some trials did) or interrupted."""
    content = read_provenance(file)
    if content is None:
        return
    content["sessions"][-1] |= {"ended": now(), "outcome": outcome}
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
    """What all sessions so far took together, by the clock.

    Args:
        file: provenance.json.
        last_change: a file that sessions write often: one that was killed ended then, as far as can be known.
    """
    content = read_provenance(file)
    hours = 0.0
    for session in content["sessions"] if content else ():
        if session["ended"] is not None:
            end = datetime.fromisoformat(session["ended"])
        elif last_change.exists():
            end = datetime.fromtimestamp(last_change.stat().st_mtime, UTC)
        else:
            continue
        # A clock that was set back makes no time.
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
