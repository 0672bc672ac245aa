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
REHEARSALS = 3

Step = Callable[[int], None]


def graphed(step: Step, state: Sequence[Tensor], device: torch.device) -> Step:
    """The step as it is on a CPU; on CUDA, replayed from a graph for each number of images.

    Args:
        step: trains on so many next images; it reads and writes tensors that stay where they are, and never asks the
            device for a value.
        state: every tensor that the step changes.
        device: where they are.
    """
    if device.type != "cuda" or os.environ.get(SWITCH, "").lower() in ("off", "0"):
        return step
    return _Graphs(step, state)


def rehearse(step: Callable[[], None], state: Sequence[Tensor], times: int) -> None:
    """Run the step some times and put the state back to what it was before."""
    before = [tensor.detach().clone() for tensor in state]
    for _ in range(times):
        step()
    with torch.no_grad():
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)


class _Graphs:
    def __init__(self, step: Step, state: Sequence[Tensor]) -> None:
        self._step, self._state = step, state
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def __call__(self, size: int) -> None:
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        self._graphs[size].replay()

    def _capture(self, size: int) -> torch.cuda.CUDAGraph:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            rehearse(lambda: self._step(size), self._state, REHEARSALS)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):  # records; runs nothing, so the state stays as it is
            self._step(size)
        return graph
