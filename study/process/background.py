"""Work that goes on while the main thread waits for something else."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """A function that runs in a thread of its own, which ends with the process at the latest.

    Args:
        function: starts at once.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Wait for what the function returns, or raise what it raised."""
        while self._thread.is_alive():
            self._thread.join(timeout=0.2)  # in pieces, so that Ctrl-C is heard
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:
            self._error = error
