"""The processes that a study starts, as Linux lists them."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """A process: its number, when it began (so that no later one is taken for it), and its name."""

    pid: int
    born: str
    name: str


def below(pid: int) -> list[Seen]:
    """The processes that a process has started, directly or not."""
    parents = {seen: parent for seen, parent, _ in _all()}
    found, known = [], {pid}
    for _ in range(10):
        new = [seen for seen, parent in parents.items() if parent in known and seen not in found]
        found += new
        known |= {seen.pid for seen in new}
    return found


def listening(pids: list[int]) -> set[str]:
    """The addresses on which some processes wait for connections, as Linux writes them in /proc/net/tcp."""
    inodes = set()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                inodes.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def left_after(seconds: float, seen: list[Seen]) -> list[Seen]:
    """Those of some processes that are still there when so much time has passed; sooner if none is."""
    deadline = time.monotonic() + seconds
    while True:
        alive = {each for each, _, state in _all() if state not in "ZX"}
        left = [each for each in seen if any((each.pid, each.born) == (a.pid, a.born) for a in alive)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def _all() -> list[tuple[Seen, int, str]]:
    """Every process, the number of its parent, and its state."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, rest = (folder / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
            fields = rest.split()
            found.append((Seen(int(folder.name), fields[19], name), int(fields[1]), fields[0]))
    return found
