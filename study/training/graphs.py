"""Training steps as CUDA graphs: the whole step is one launch, so the host no longer sets the pace.

A step of this network is some two hundred small kernels; launched one by one from Python they take longer to launch
than to run. A graph records them once and replays them
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# "off" launches every kernel by itself: to compare the two, or should a graph ever be suspected.
SWITCH = "RESIDUAL_STUDY_CUDA_GRAPHS"
# PyTorch asks for a few runs before a capture, in which libraries choose their algorithms and allocate.
WARM_UPS = 3

# Trains on so many next images. It reads and writes tensors that stay where they are, and never asks the device for a
# value.
Step = Callable[[int], None]
# Takes a step, always the same one, on so many images.
StepRunner = Callable[[Step, int], None]


def step_runner(state_tensors: Sequence[Tensor], device: torch.device) -> StepRunner:
    """Takes a step as it is on a CPU; on CUDA, replays it from a graph for each number of images.

    It is given the step each time, and does not keep it: a run that held its own method would never be freed by itself.

    Args:
        state_tensors: every tensor that the step changes.
        device: where they are.
    """
    if device.type != "cuda" or switched_off():
        return eager
    return _Graphs(state_tensors)


def switched_off() -> bool:
    """Whether the user has switched graphs off."""
    return os.environ.get(SWITCH, "").lower() in ("off", "0")


def eager(step: Step, size: int) -> None:
    """Takes the step as it is."""
    step(size)


def warm_up(step: Callable[[], None], state_tensors: Sequence[Tensor], times: int) -> None:
    """Run the step several times, restoring the state after each.

    After each, because the steps of an epoch's end would otherwise run past it.
    """
    before = [tensor.detach().clone() for tensor in state_tensors]
    for _ in range(times):
        step()
        with torch.no_grad():
            for tensor, value in zip(state_tensors, before, strict=True):
                tensor.copy_(value)


class _Graphs:
    def __init__(self, state_tensors: Sequence[Tensor]) -> None:
        self._state_tensors = state_tensors
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def __call__(self, step: Step, size: int) -> None:
        if size not in self._graphs:
            self._graphs[size] = self._capture(step, size)
        self._graphs[size].replay()

    def _capture(self, step: Step, size: int) -> torch.cuda.CUDAGraph:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            warm_up(lambda: step(size), self._state_tensors, WARM_UPS)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):  # records; runs nothing, so the state stays as it is
            step(size)
        return graph
