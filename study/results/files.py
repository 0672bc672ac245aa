"""Files written so that nothing is lost: whole ones replaced at once, and lines that are only ever added."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from study.contract.lines import parse_lines, sealed

# Read once: reading it means setting it for a moment, and Ray's threads make files too.
_UMASK = os.umask(0o022)
os.umask(_UMASK)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends well.

    After a crash ``path`` holds the old content or the new, never a part.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes a file for its owner alone; a results directory is read by others too.
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, in ASCII: a name that is no Unicode text (surrogates) is written all the same."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def append_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Add lines of JSON with their checksums to a file, which the first call makes, and wait until they are on disk."""
    text = b"".join(sealed(line).encode() + b"\n" for line in lines)
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = b"\n" + text  # what stands there is the torn line of a process that was killed
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The whole lines of a file of ``append_lines``, and what is wrong with the others; no file is no lines."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], []
    lines, problems = parse_lines(data, path.name)
    return [content for _, content in lines], problems
