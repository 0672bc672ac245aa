"""Searches that were replayed, in a file that a later call goes on with: its circumstances, then a line a search."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.circumstances import circumstances

Course = list[tuple[int, float]]


@dataclass(frozen=True)
class Search:
    """A search that has ended.

    Attributes:
        method: the name of the way to search.
        number: of the search, from 0.
        best: the confirmed accuracy of the best configuration that it could have found, in percent.
        course: after each configuration the model-epochs spent, and the confirmed accuracy of the winner by then.
    """

    method: str
    number: int
    best: float
    course: Course


class OtherSettingsError(Exception):
    """A file holds searches that were made in another way; the message says which."""


class SearchFile:
    """Keeps searches as they end. What a process that was killed wrote of a line is dropped.

    Args:
        file: where to; None keeps them in memory alone.
        settings: that the searches share.

    Raises:
        OtherSettingsError: the file's are others.
    """

    def __init__(self, file: Path | None, settings: Mapping[str, Any]) -> None:
        self._file = file
        self._searches: dict[tuple[str, int], Search] = {}
        if file is None:
            return
        lines = _whole_lines(file)
        if not lines:
            self._write(circumstances(settings))
            return
        found = lines[0]["settings"]
        if found != settings:
            raise OtherSettingsError(f"{file}: made with {found}, not with {dict(settings)}: give another file")
        for line in lines[1:]:
            self._keep(Search(line["method"], line["number"], line["best"], [(n, a) for n, a in line["course"]]))

    def __contains__(self, key: tuple[str, int]) -> bool:
        """Whether the search of a method's name and a number is there."""
        return key in self._searches

    def add(self, search: Search) -> None:
        """Keep another one."""
        self._keep(search)
        self._write(asdict(search))

    def of(self, method: str) -> Iterator[Search]:
        """Those of a way to search, by their number."""
        return (each for (name, _), each in sorted(self._searches.items()) if name == method)

    def _keep(self, search: Search) -> None:
        self._searches[search.method, search.number] = search

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _whole_lines(file: Path) -> list[Any]:
    """The lines of a file, which loses a last one without its end; none where there is no file."""
    content = file.read_bytes() if file.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        file.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]
