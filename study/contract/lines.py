"""Lines of JSON in files to which lines are only ever added: records and plan.jsonl.

Each line ends with a checksum of itself, so that a flipped byte is noticed; lines of earlier versions have none. A
process may die while it writes, so a line may be torn; whatever is written next goes on a line of its own, or behind
the torn part of one.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

# The last key of a line: CRC-32 (zlib, hexadecimal) of the line as it would be without this key, in UTF-8.
CHECKSUM = "crc32"
_SEAL = re.compile(rf', "{CHECKSUM}": "([0-9a-f]{{8}})"\}}$')
_BEGINNING = re.compile(r'\{"(?:epoch|event|format)": ')


def sealed(line: Mapping[str, Any]) -> str:
    """The line as it is written, without the end of the line.

    Raises:
        ValueError: it holds a number that standard JSON cannot.
    """
    text = json.dumps(line, allow_nan=False)
    return f'{text[:-1]}, "{CHECKSUM}": "{zlib.crc32(text.encode()):08x}"}}'


def parse_lines(data: bytes, name: str) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """Read the whole lines of a file's content.

    Args:
        data: the content.
        name: of the file, for places and problems.

    Returns:
        Place and content of each line, without its checksum; and the lines that are torn or damaged, each with its
        place. Once a line has a checksum, those that follow must have one.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    problems: list[str] = []
    checked = False
    for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
        place = f"{name}, line {number}"
        content, problem, has_checksum = _parse(line, checked)
        checked |= has_checksum
        if content is not None:
            found.append((place, content))
        if problem is not None:
            problems.append(f"{place}: {problem}; skipped")
    return found, problems


def _parse(line: str, checked: bool) -> tuple[dict[str, Any] | None, str | None, bool]:
    """The content of a line; what is wrong with it or a part of it; and whether it has a checksum that is right."""
    if not line.strip():
        return None, None, False
    problem, starts = "torn or not JSON", [0, *(match.start() for match in _BEGINNING.finditer(line, 1))]
    for start in dict.fromkeys((starts[0], starts[-1])):
        text = line[start:]
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            continue
        seal = _SEAL.search(text)
        if not isinstance(content, dict):
            continue
        if content.pop(CHECKSUM, None) is None:
            if checked:
                problem = "its checksum is missing"
                continue
        elif not (seal and zlib.crc32(f"{text[: seal.start()]}}}".encode()) == int(seal[1], 16)):
            problem = "its checksum does not match its content"
            continue
        return content, "the torn part of a line before this one" if start else None, seal is not None
    return None, problem, False
