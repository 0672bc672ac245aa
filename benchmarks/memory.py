"""Peak memory of processes beside the data set that they share; Linux only."""

import contextlib
import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Self

# Ray keeps objects, here the images, in files of this name or of memfd's.
_OBJECT_STORE = ("plasma",)
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")


class PeakMemory:
    """Watches a process and all that it has started, from another thread.

    Reading the memory maps takes a few milliseconds of each process, so this runs beside passes that are not timed.

    Attributes:
        tree_mib: the largest sum over the processes of proportional memory (pages that n of them share count 1/n each);
            None where it cannot be told.
        process_mib: the largest resident memory of each process, by its id.

    Args:
        roots: ids of the processes.
        shared: mappings whose path contains one of these do not count.
        interval: seconds between two looks.
    """

    def __init__(self, roots: Iterable[int], shared: Iterable[str], interval: float = 1.0) -> None:
        self._roots = list(roots)
        self._shared = (*_OBJECT_STORE, *shared)
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.tree_mib: float | None = None
        self.process_mib: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._look()
            if self._stop.wait(self._interval):
                return

    def _look(self) -> None:
        total = 0.0
        for process in descendants(self._roots):
            with contextlib.suppress(OSError):  # it may have ended
                resident, proportional = _memory_of(process, self._shared)
                total += proportional
                self.process_mib[process] = max(resident, self.process_mib.get(process, 0))
        if total:
            self.tree_mib = max(total, self.tree_mib or 0)


def descendants(roots: Iterable[int]) -> list[int]:
    """The processes and all that they have started."""
    children: dict[int, list[int]] = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; the parent is the second field after it.
            parent = int(status.read_text(errors="replace").rpartition(")")[2].split()[1])
            children[parent].append(int(status.parent.name))
    found, left = [], list(roots)
    while left:
        process = left.pop()
        found.append(process)
        left.extend(children[process])
    return found


def _memory_of(process: int, shared: tuple[str, ...]) -> tuple[float, float]:
    """Resident and proportional MiB, without the shared mappings."""
    resident = proportional = 0
    counts = True
    for line in Path(f"/proc/{process}/smaps").read_text(errors="replace").splitlines():
        if mapping := _MAPPING.match(line):
            counts = not any(name in mapping[1] for name in shared)
        elif counts and line.startswith("Rss:"):
            resident += int(line.split()[1])
        elif counts and line.startswith("Pss:"):
            proportional += int(line.split()[1])
    return resident / 1024, proportional / 1024
