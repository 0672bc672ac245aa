import dataclasses
import logging
import math
import statistics
from pathlib import Path

import pytest
import torch
from scipy import stats

from study.contract.runs import Run
from study.data import ImageData, load
from study.training import backends
from study.training.backends import KernelBackend, OneByOneBackend, TorchBackend, backend_for
from study.training.kernels.build import KernelsUnavailableError
from study.training.loop import Training
from study.training.network import ReplicatedNetwork
from tests.helpers import tiny_data
from tests.study.training.helpers import VARIANTS, configuration, finish, runs_of
from tests.study.training.kernels.helpers import needs_compiler


def by_pytorch(runs: list[Run], data: ImageData, precision: str = "float32") -> Training:
    training = Training(runs, data, precision=precision)
    (chunk,) = training.chunks
    chunk.backend = TorchBackend(chunk.network, precision)
    return training


def some_digits(count: int) -> ImageData:
    digits = load("digits", Path())
    return dataclasses.replace(
        digits, train_images=digits.train_images[:count], train_labels=digits.train_labels[:count]
    )


def network(**changes) -> ReplicatedNetwork:
    return ReplicatedNetwork(configuration(**changes), [0])


@needs_compiler
@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_kernels_and_pytorch_train_alike_in_float64(block, batch_norm):
    runs = runs_of(configuration(block, batch_norm, num_blocks=3, epochs=4), [4, 0, 9])
    arguments = runs, tiny_data(train=150, test=30, validation=10)
    ours, theirs = Training(*arguments, precision="float64"), by_pytorch(*arguments, precision="float64")
    assert isinstance(ours.chunks[0].backend, KernelBackend)
    for _ in range(3):
        for a, b in zip(ours.run_epoch(), theirs.run_epoch(), strict=True):
            assert a.train_loss == pytest.approx(b.train_loss, rel=1e-9)
            assert (a.train_accuracy, a.validation_accuracy, a.test_accuracy) == (
                b.train_accuracy,
                b.validation_accuracy,
                b.test_accuracy,
            )
    expected = theirs.chunks[0].network.state_dict()
    for name, value in ours.chunks[0].network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)


@needs_compiler
@pytest.mark.parametrize("block", ["residual", "conv"])
def test_twenty_steps_in_float32_stay_within_rounding_of_pytorchs(block):
    arguments = runs_of(configuration(block, num_blocks=10, lr=0.01, epochs=2), [8]), tiny_data(train=20 * 128)
    ours, theirs = Training(*arguments), by_pytorch(*arguments)
    ours.run_epoch()
    theirs.run_epoch()
    expected = theirs.chunks[0].network.state_dict()
    for name, value in ours.chunks[0].network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@needs_compiler
def test_thirty_seeds_reach_the_accuracy_that_they_reach_by_pytorch():
    """Single runs part ways after many steps, by rounding alone; their means must not.

    Two one-sided tests (Schuirmann 1987): the 90 % interval of the mean paired difference lies within the margin, which
    was fixed beforehand: one percentage point, the studies' own meaningful difference. A run counts with the mean of
    its last three epochs: while accuracy rises by points an epoch, rounding alone moves a single one by 3.
    """
    margin, seeds = 1.0, range(30)
    setting = configuration(batch_norm=True, num_blocks=1, epochs=12)
    arguments = runs_of(setting, seeds), some_digits(512)
    ours, theirs = Training(*arguments), Training(*arguments)
    (chunk,) = theirs.chunks
    chunk.backend = OneByOneBackend(chunk.network, setting, "float32")
    a, b = (last_accuracies(training, epochs=3) for training in (ours, theirs))
    differences = [x - y for x, y in zip(a, b, strict=True)]
    half = stats.t.ppf(0.95, len(seeds) - 1) * statistics.stdev(differences) / math.sqrt(len(seeds))
    assert abs(statistics.mean(differences)) + half < margin
    assert statistics.mean(a) > 50  # they did learn


def last_accuracies(training: Training, epochs: int) -> list[float]:
    """The test accuracy of each run, mean of its last epochs."""
    last = [[result.test_accuracy for result in epoch] for epoch in finish(training)[-epochs:]]
    return [statistics.mean(of_run) for of_run in zip(*last, strict=True)]


@pytest.mark.parametrize("precision", ["bf16"])
def test_precisions_that_the_kernels_do_not_have_go_to_pytorch(precision):
    assert isinstance(backend_for(network(), configuration(), precision, 128), OneByOneBackend)


@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_one_by_one_is_as_side_by_side_and_bit_for_bit_as_alone(block, batch_norm):
    setting, data = configuration(block, batch_norm), tiny_data(train=150, test=30)

    def one_by_one(seeds: list[int]) -> ReplicatedNetwork:
        training = Training(runs_of(setting, seeds), data, precision="float64")
        (chunk,) = training.chunks
        chunk.backend = OneByOneBackend(chunk.network, setting, "float64")
        training.run_epoch()
        return chunk.network

    seeds = [4, 0, 9]
    theirs = by_pytorch(runs_of(setting, seeds), data, precision="float64")
    theirs.run_epoch()
    expected, lone = theirs.chunks[0].network.state_dict(), one_by_one([0]).state_dict()
    for name, value in one_by_one(seeds).state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)
        assert torch.equal(value[1], lone[name][0]), name


def test_without_kernels_pytorch_trains_and_says_so_once(monkeypatch, caplog):
    def none(*_):
        raise KernelsUnavailableError("no C++ compiler found")

    monkeypatch.setattr(backends, "KernelBackend", none)
    backends._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        chosen = [backend_for(network(), configuration(), "float32", 128) for _ in range(2)]
    assert [type(each) for each in chosen] == [OneByOneBackend] * 2
    assert [record.message for record in caplog.records] == [
        "training with PyTorch alone, several times slower than with the kernels: no C++ compiler found"
    ]
