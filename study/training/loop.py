"""The training loop: the runs of a pack side by side, a result for each after every epoch.

The recipe of the defaults is the notebook's: SGD without momentum, weight decay or schedule, cross entropy, batches of
128 with the last partial one trained too, and after each epoch the accuracy on the whole training and the whole test
set. Unlike the notebook, accuracies are measured in eval mode.
"""

import dataclasses
import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from study.contract.runs import Run
from study.training.chunk import Chunk, ImageSets, Measures
from study.training.images import ImageArrays
from study.training.precision import set_precision
from study.training.states import RunState, initial_state, run_states, stacked

__all__ = ["EpochResult", "RunState", "Training", "run_states", "train"]

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EpochResult:
    """What an epoch of one run gave.

    Attributes:
        run: its index among the runs of the training.
        epoch: 1 for the first.
        iterations: SGD steps of the run so far.
        seconds: training time of the run so far, accuracies included: of every epoch the wall-clock time, divided
            equally among the runs that trained in it.
        train_loss: cross entropy, mean over the images of the epoch, each at its own step; may be infinite or NaN.
        train_accuracy: percent of the whole training set, in eval mode, after the epoch.
        validation_accuracy: percent of the held-out set; None where there is none.
        test_accuracy: percent of the whole test set.
        diverged: whether the training loss has been infinite or not a number in this epoch or before.
    """

    run: int
    epoch: int
    iterations: int
    seconds: float
    train_loss: float
    train_accuracy: float
    validation_accuracy: float | None
    test_accuracy: float
    diverged: bool


def train(
    runs: Sequence[Run],
    data: ImageArrays,
    *,
    device: str = "cpu",
    precision: str = "float32",
    states: Sequence[RunState | None] | None = None,
) -> Iterator[list[EpochResult]]:
    """Train the runs to their planned epochs; the arguments are those of ``Training``.

    Yields:
        After each epoch the results of the runs that trained in it.
    """
    training = Training(runs, data, device=device, precision=precision, states=states)
    while not training.finished:
        yield training.run_epoch()


class Training:
    """Runs that train side by side and can be stopped after any epoch and continued bit for bit.

    A run computes what it would compute alone; on a CPU bit for bit, whatever the pack. One that has its planned
    epochs, or is dropped, leaves the computation. A pack that runs out of GPU memory goes on in halves, one after the
    other.

    Args:
        runs: distinct; they agree in ``configuration.shape`` and may differ in everything else.
        data: the images.
        device: a torch device.
        precision: float32, float64, tf32 or bf16.
        states: where each run goes on from (see ``run_states``), None for its beginning; the runs may stand at
            different epochs.
        chunk: the most runs that are computed at once; all by default.

    Attributes:
        runs: as given.
        chunks: the active runs, in groups that are computed at once.
        backend: how they are computed: "kernels" or "PyTorch".

    Raises:
        ValueError: no runs, a run twice, runs of different shapes, not one state a run, or a state of another network.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        data: ImageArrays,
        *,
        device: str = "cpu",
        precision: str = "float32",
        states: Sequence[RunState | None] | None = None,
        chunk: int | None = None,
    ) -> None:
        self.runs = tuple(runs)
        given = [None] * len(self.runs) if states is None else list(states)
        _check(self.runs, given, chunk)
        self._device, self._precision = torch.device(device), precision
        set_precision(precision, self._device)
        self._images = ImageSets(data, self._device, precision)
        self._states = [
            initial_state(run, self._images.num_classes) if state is None else state
            for run, state in zip(self.runs, given, strict=True)
        ]
        active = [k for k, run in enumerate(self.runs) if self._states[k]["epoch"] < run.configuration.epochs]
        parts = _split(active, chunk or len(active))
        self._chunked = len(parts) > 1
        self.chunks = [self._chunk(part) for part in parts]
        self.backend = self.chunks[0].backend.name if self.chunks else ""

    @property
    def active(self) -> tuple[int, ...]:
        """The indices of the runs that have epochs to train, rising."""
        return tuple(sorted(index for chunk in self.chunks for index in chunk.indices))

    @property
    def finished(self) -> bool:
        """Whether no run is active any more."""
        return not self.chunks

    def run_epoch(self) -> list[EpochResult]:
        """Train the next epoch of every active run and measure it.

        Returns:
            A result for each of them, in the order of the runs.

        Raises:
            RuntimeError: no run is active.
            torch.OutOfMemoryError: a single run does not fit the memory of the GPU.
        """
        if self.finished:
            raise RuntimeError("every run of this training is finished or dropped")
        start = time.perf_counter()
        measured: list[Measures] = []
        while len(measured) < len(self.chunks):
            measures = self._epoch_of(len(measured))
            if measures is not None:
                measured.append(measures)
        share = (time.perf_counter() - start) / len(self.active)
        results = []
        for chunk, measures in zip(self.chunks, measured, strict=True):
            for place, (index, state) in enumerate(zip(chunk.indices, chunk.states(), strict=True)):
                self._states[index] = {**state, "seconds": self._states[index]["seconds"] + share}
                results.append(_result(index, self._states[index], measures, place))
        finished = {k for k in self.active if self._states[k]["epoch"] >= self.runs[k].configuration.epochs}
        self._remove(finished)
        return sorted(results, key=lambda result: result.run)

    def drop(self, indices: Iterable[int]) -> None:
        """Train these runs no more; their state stays in ``state_dict()``.

        Raises:
            IndexError: there is no such run.
        """
        dropped = set(indices)
        if unknown := dropped - set(range(len(self.runs))):
            raise IndexError(f"no run {', '.join(map(str, sorted(unknown)))} among {len(self.runs)}")
        self._remove(dropped)

    def step(self, size: int) -> None:
        """One SGD step of every active run on its next ``size`` images, for measuring; see ``begin_epoch``.

        States move on by whole epochs: ``state_dict()`` does not hold what single steps change.
        """
        for chunk in self.chunks:
            chunk.step(size)

    def begin_epoch(self) -> None:
        """Go to the beginning of the next epoch; ``run_epoch`` does it by itself."""
        for chunk in self.chunks:
            chunk.begin_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Where every run stands, finished and dropped ones too, for ``torch.save``; see ``PackState``."""
        return dict(stacked(self._states))

    def _epoch_of(self, place: int) -> Measures | None:
        """Train a chunk; None where it did not fit the memory and its halves now stand in its place."""
        try:
            return self.chunks[place].run_epoch()
        except torch.OutOfMemoryError as error:
            if len(self.chunks[place].runs) == 1:
                run = self.chunks[place].runs[0]
                raise torch.OutOfMemoryError(
                    f"{run} does not fit the memory of {self._device} even alone: choose a smaller batch_size or a "
                    f"device with more memory ({error})"
                ) from error
        # Outside the handler: the traceback would hold on to what the failed step had allocated.
        self._halve(place)
        return None

    def _halve(self, place: int) -> None:
        chunk = self.chunks.pop(place)
        indices = chunk.indices
        del chunk  # its memory, before the halves take theirs
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._chunked = True
        self.chunks[place:place] = [self._chunk(part) for part in _split(indices, -(-len(indices) // 2))]
        _logger.warning("%d runs do not fit the memory of %s at once: going on in halves", len(indices), self._device)

    def _chunk(self, indices: Sequence[int]) -> Chunk:
        return Chunk(
            indices,
            [self.runs[k] for k in indices],
            [self._states[k] for k in indices],
            self._images,
            device=self._device,
            precision=self._precision,
            graphs=not self._chunked,
        )

    def _remove(self, gone: set[int]) -> None:
        """Build the chunks that lose runs again, without them."""
        for place, chunk in reversed(list(enumerate(self.chunks))):
            left = [index for index in chunk.indices if index not in gone]
            if len(left) < len(chunk.indices):
                del self.chunks[place]
                if left:
                    self.chunks.insert(place, self._chunk(left))


def _check(runs: Sequence[Run], states: Sequence[RunState | None], chunk: int | None) -> None:
    if not runs or len(set(runs)) != len(runs):
        raise ValueError(f"the runs of a training must be distinct and at least one, not {list(runs)}")
    if len({run.configuration.shape for run in runs}) > 1:
        other = next(run for run in runs if run.configuration.shape != runs[0].configuration.shape)
        raise ValueError(f"runs of different shapes cannot train side by side: {runs[0]} and {other}")
    if len(states) != len(runs):
        raise ValueError(f"{len(states)} states for {len(runs)} runs")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")


def _split(indices: Sequence[int], most: int) -> list[list[int]]:
    """Parts of nearly equal sizes, of at most so many each."""
    if not indices:
        return []
    parts = -(-len(indices) // most)
    bounds = [len(indices) * k // parts for k in range(parts + 1)]
    return [list(indices[start:stop]) for start, stop in itertools.pairwise(bounds)]


def _result(index: int, state: RunState, measures: Measures, place: int) -> EpochResult:
    validation = measures.validation_accuracy
    return EpochResult(
        run=index,
        epoch=state["epoch"],
        iterations=state["iterations"],
        seconds=state["seconds"],
        train_loss=measures.train_loss[place],
        train_accuracy=measures.train_accuracy[place],
        validation_accuracy=None if validation is None else validation[place],
        test_accuracy=measures.test_accuracy[place],
        diverged=state["diverged"],
    )
