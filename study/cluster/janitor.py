"""Cleans up behind a local Ray whose program was killed: ``python -I janitor.py FOLDER``, with a pipe as its input.

The program holds the other end of the pipe, so that the kernel closes it however the program ends. Then the processes
that are still there are killed (Ray's agents would wait a minute for the rest of it) and Ray's folder is removed. The
file stands by itself, with the standard library alone.
"""

import contextlib
import os
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

_INTERVAL = 2.0  # seconds between two looks at what the program has started
_GRACE = 1.0  # seconds for what ends by itself


def main(folder: str) -> None:
    """Wait for the end of the program, then clean up."""
    program, known = os.getppid(), dict[int, str]()
    while not select.select([sys.stdin], [], [], _INTERVAL)[0]:
        known |= _below(program)
    deadline = time.monotonic() + _GRACE
    while (left := _alive(known)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _kill(left)
    # A worker that Ray had just begun to start is not known yet, and would make the folder anew.
    deadline = time.monotonic() + _GRACE
    while (starting := _started_for(folder)) and time.monotonic() < deadline:
        _kill(starting)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _started_for(folder: str) -> list[int]:
    """The numbers of Ray's processes that have the folder among their arguments, as each has until it has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            arguments = os.fsdecode((entry / "cmdline").read_bytes())
            if "/ray/" in arguments and re.search(rf"{re.escape(folder)}(?![\w-])", arguments):
                found.append(int(entry.name))
    return found


def _below(program: int) -> dict[int, str]:
    """When each process began that the program started, directly or not, by its number; without this one."""
    processes = _processes()
    found: dict[int, str] = {}
    known = {program}
    while True:
        new = {pid: born for pid, parent, born in processes if parent in known and pid not in known}
        if not new:
            return {pid: born for pid, born in found.items() if pid != os.getpid()}
        found |= new
        known |= new.keys()


def _alive(known: dict[int, str]) -> list[int]:
    """The numbers of those that are still there, and not another process that has the number now."""
    return [pid for pid, _, born in _processes() if known.get(pid) == born]


def _processes() -> list[tuple[int, int, str]]:
    """Number, parent and beginning of every process; none where the system has no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            status = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            found.append((int(entry.name), int(status[1]), status[19]))
    return found


if __name__ == "__main__":
    main(sys.argv[1])
