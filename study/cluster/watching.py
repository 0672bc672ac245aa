"""Notices when Ray dies: Ray itself waits a minute, then ends the whole program."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ray._private import worker

_NEEDED = ("gcs_server", "raylet")
_INTERVAL = 3.0  # seconds between two looks at a cluster
_PATIENCE = 30.0  # seconds after which it is given up; Ray's own are 60


@contextlib.contextmanager
def watched_cluster(address: str, died: Callable[[], None]) -> Iterator[None]:
    """Watch the head of a cluster, and this machine's part in it, until the end of the block.

    Args:
        address: of the head, HOST:PORT.
        died: called in a thread of its own, once or twice.
    """
    over = threading.Event()

    def look_at_the_head() -> None:
        host, _, port = address.rpartition(":")
        answered = time.monotonic()
        while not over.wait(_INTERVAL):
            with contextlib.suppress(OSError):
                socket.create_connection((host.strip("[]"), int(port)), timeout=_INTERVAL).close()
                answered = time.monotonic()
            if time.monotonic() - answered > _PATIENCE and not over.is_set():
                died()
                break

    def wait_for_the_raylet() -> None:
        node: Any = worker._global_node
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as raylet:
            raylet.connect(node.raylet_socket_name)
            raylet.recv(1)  # it says nothing, and the connection ends with it
            if not over.wait(_INTERVAL):
                died()

    for each in (look_at_the_head, wait_for_the_raylet):
        threading.Thread(target=each, daemon=True).start()
    try:
        yield
    finally:
        over.set()


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
