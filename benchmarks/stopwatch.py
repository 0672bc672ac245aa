"""Where the time goes: laps of a loop, and the parts of the study's training."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from study.training.images import Images
from study.training.loop import Training

PARTS: tuple[str, ...] = ("data", "forward", "backward", "accuracy")


class Stopwatch:
    """Seconds by the name of what they were spent on.

    Args:
        device: what computes.
        every_lap: wait for a GPU at every lap, so that work counts where it was asked for; without it host and GPU
            go on side by side, and only ``start`` and ``stop`` wait.
    """

    def __init__(self, device: str, *, every_lap: bool) -> None:
        self._on_gpu = torch.device(device).type == "cuda"
        self._every_lap = every_lap
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._wait()
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Add the time since the last reading to a part."""
        if self._every_lap:
            self._wait()
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self._last = now

    def stop(self, part: str) -> None:
        """A lap that waits in any case."""
        self._wait()
        self.lap(part)

    def _wait(self) -> None:
        if self._on_gpu:
            torch.cuda.synchronize()

    def around(self, part: str, function: Callable[..., Any], *, within: str | None = None) -> Callable[..., Any]:
        """The function, its time added to a part; ``within`` is the part that calls it and that it interrupts."""

        def timed(*arguments: Any) -> Any:
            if within is None:
                self.start()
            else:
                self.lap(within)
            result = function(*arguments)
            self.lap(part)
            return result

        return timed


def parts_of_epoch(training: Training, device: str) -> dict[str, float]:
    """Train one epoch and return the seconds of its parts.

    Data is the gathering and normalising of batches (the kernels do both while they read the images, so there it counts
    as forward), backward all the rest of a step: loss, gradients and update.
    """
    watch = Stopwatch(device, every_lap=True)
    (chunk,) = training.chunks
    backend = chunk.backend
    evaluate = backend.evaluate

    def timed_evaluate(images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        watch.start()
        yield from evaluate(images)
        watch.lap("accuracy")

    with (
        mock.patch.object(backend, "logits", watch.around("forward", backend.logits)),
        mock.patch.object(backend, "evaluate", timed_evaluate),
        mock.patch.object(Images, "batch", watch.around("data", Images.batch, within="forward")),
    ):
        start = time.perf_counter()
        training.run_epoch()
        seconds = time.perf_counter() - start
    watch.seconds["backward"] = seconds - sum(watch.seconds.values())
    return watch.seconds
