"""Results that are kept as they come, in a file that a later call goes on with: its circumstances, then a line each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.circumstances import circumstances


class OtherSettingsError(Exception):
    """A file holds results that were made in another way; the message says which."""


class Kept:
    """Lines of a file. What a process that was killed wrote of a line is dropped.

    Args:
        file: where to; None keeps them in memory alone.
        settings: that all of them share.

    Attributes:
        lines: those there.

    Raises:
        OtherSettingsError: the file's settings are others.
    """

    def __init__(self, file: Path | None, settings: Mapping[str, Any]) -> None:
        self._file = file
        about, *self.lines = _whole_lines(file) or [None]
        if about is None:
            self._write(circumstances(settings))
        elif about["settings"] != settings:
            raise OtherSettingsError(
                f"{file}: made with {about['settings']}, not with {dict(settings)}: give another file"
            )

    def add(self, line: Mapping[str, Any]) -> None:
        """Keep another one."""
        self.lines.append(dict(line))
        self._write(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _whole_lines(file: Path | None) -> list[Any]:
    """The lines of a file, which loses a last one without its end; none where there is no file."""
    if file is None or not file.exists():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        file.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]
