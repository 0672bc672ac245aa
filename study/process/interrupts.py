"""Ctrl-C and its relatives where they would do harm, or nothing; imports neither torch nor ray."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


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
def kept() -> Iterator[None]:
    """Put back afterwards what this program does on a signal: Ray and Ray Tune take some and never return them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ends_as_interrupts() -> Iterator[None]:
    """Treat what ends a job as Ctrl-C: SIGTERM and SIGUSR1 of batch systems, SIGHUP of a terminal that is closed.

    Ray Tune stops well on Ctrl-C alone. A signal that is ignored (``nohup``) stays ignored. Ctrl-C may be ignored too,
    as in the background of a script, which does not hinder the others.
    """

    def forward(_: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, forward) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
