"""Cleans up behind a local Ray whose program was killed: ``python -I janitor.py FOLDER``, with a pipe as its input.

The program holds the other end of the pipe, so that the kernel closes it however the program ends. Then the processes
that are still there are killed (Ray's agents would wait a minute for the rest of it) and Ray's folder is removed. The
file stands by itself, with the standard library alone.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
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
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


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
