"""Ctrl-C and SIGTERM where they would do harm, or nothing; imports neither torch nor ray."""

import contextlib
import os
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C wait for what must not be broken off; KeyboardInterrupt comes after it.

    Ray that is interrupted while it starts crashes the process, or forgets that it was; an import that is interrupted
    leaves half a module.
    """
    pressed = False

    def remember(*_: object) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


@contextlib.contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM, with which batch systems end a job, as Ctrl-C: Ray Tune stops well on that alone."""

    def forward(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
