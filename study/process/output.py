"""Standard output and error that cannot end a study: closed, full, or unable to hold a letter."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class SturdyStream:
    """A text stream that goes on as if nothing were wrong when nobody can read it any more.

    The other end of a pipe may close (``| head``), a terminal may be closed, the disk below a log file may be full:
    what is written from then on is lost, and the study is not.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        try:
            return self._stream.write(text)
        except OSError:
            self._lose()
            return len(text)

    def flush(self) -> None:
        """Write what is held back, or lose it."""
        try:
            self._stream.flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """Let all that is written go nowhere, what the stream holds back too."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def sturdy_output() -> Iterator[None]:
    """Make standard output and error sturdy; letters that their encoding does not have become question marks."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = (SturdyStream(stream) for stream in before)  # type: ignore[assignment]
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before
