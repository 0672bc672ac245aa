"""A pack that does not fit the memory goes on in halves; the error that a GPU would raise is raised here by hand."""

import logging
import weakref

import pytest
import torch

from study.training import backends
from study.training.loop import Training
from tests.study.training.helpers import configuration, finish, numbers, runs_of, same_bits, small_data, state_of


class TooSmall:
    """A backend on a device that holds so many replicas; fails while training or while it measures."""

    def __init__(self, backend, replicas: int, most: int, moment: str) -> None:
        self._backend, self._fails, self._moment = backend, replicas > most, moment
        self.name = backend.name

    def logits(self, images, batch):
        if self._fails and self._moment == "step":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._backend.logits(images, batch)

    def evaluate(self, images):
        for number, piece in enumerate(self._backend.evaluate(images)):
            if self._fails and self._moment == "evaluation" and number == 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
            yield piece


@pytest.fixture
def room_for(monkeypatch):
    made = backends.backend_for

    def limit(most: int, moment: str = "step") -> None:
        monkeypatch.setattr(
            backends,
            "backend_for",
            lambda network, *rest: TooSmall(made(network, *rest), network.replicas, most, moment),
        )

    return limit


@pytest.mark.parametrize("moment", ["step", "evaluation"])
def test_a_pack_that_does_not_fit_goes_on_in_halves_with_the_same_numbers(room_for, caplog, moment):
    runs, data = runs_of(configuration(batch_norm=True, momentum=0.9), range(7)), small_data()
    whole = Training(runs, data)
    expected = finish(whole)
    room_for(2, moment)
    chunked = Training(runs, data)
    with caplog.at_level(logging.WARNING):
        first = chunked.run_epoch()
    assert [len(chunk.runs) for chunk in chunked.chunks] == [1, 2, 2, 2]
    assert [record.message for record in caplog.records] == [
        f"{count} runs do not fit the memory of cpu at once: going on in halves" for count in (7, 3, 4)
    ]
    assert [numbers(epoch) for epoch in [first, *finish(chunked)]] == [numbers(epoch) for epoch in expected]
    assert all(same_bits(state_of(chunked, k), state_of(whole, k)) for k in range(7))


def test_a_single_run_that_does_not_fit_is_an_error_that_names_it(room_for):
    room_for(0)
    training = Training(runs_of(configuration(), [3, 4]), small_data())
    with pytest.raises(torch.OutOfMemoryError, match=r"Run\(.*seed=3\) does not fit the memory of cpu even alone"):
        training.run_epoch()


def test_what_did_not_fit_is_freed_before_the_halves_are_built(room_for):
    training = Training(runs_of(configuration(), range(4)), small_data())
    room_for(2)
    training.chunks = [training._chunk([0, 1, 2, 3])]
    gone = weakref.ref(training.chunks[0])
    training.run_epoch()
    assert gone() is None


def test_a_limit_by_hand():
    runs = runs_of(configuration(epochs=1), range(5))
    training = Training(runs, small_data(), chunk=2)
    assert [chunk.indices for chunk in training.chunks] == [[0], [1, 2], [3, 4]]
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        Training(runs, small_data(), chunk=0)
