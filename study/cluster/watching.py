"""Notices at once when a process of this machine's Ray dies: Ray itself waits a minute, then ends the whole program."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ray._private import worker

_NEEDED = ("gcs_server", "raylet")


@contextlib.contextmanager
def watched(died: Callable[[str], None]) -> Iterator[None]:
    """Watch the Ray that was started here until the end of the block.

    Args:
        died: called with the name of the process, in a thread of its own, at most once.
    """
    over, lock = threading.Event(), threading.Lock()

    def wait_for(name: str, pid: int) -> None:
        with contextlib.suppress(ChildProcessError):  # Ray itself has seen its end
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with lock:
            if not over.is_set():
                over.set()
                died(name)

    node: Any = worker._global_node
    if node is not None and hasattr(os, "waitid"):  # macOS has none before Python 3.13
        for name in _NEEDED:
            for info in node.all_processes.get(name, ()):
                threading.Thread(target=wait_for, args=(name, info.process.pid), daemon=True).start()
    try:
        yield
    finally:
        over.set()
