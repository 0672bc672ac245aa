import dataclasses
import itertools
import logging
import math
import statistics
from pathlib import Path

import pytest
import torch
from scipy import stats

from study.contract.axes import Configuration
from study.data import ImageData, load
from study.training import backends as computation
from study.training.backends import KernelComputation, OneByOneComputation, TorchComputation, computation_for
from study.training.kernels.build import KernelsUnavailableError
from study.training.loop import Training
from study.training.network import ReplicatedNetwork
from tests.helpers import tiny_data
from tests.study.training.kernels.helpers import needs_compiler

VARIANTS = list(itertools.product(("residual", "conv"), (False, True)))


def configuration(block: str = "residual", batch_norm: bool = False, **changes: object) -> Configuration:
    values = {"num_blocks": 3, "lr": 0.05, "epochs": 3} | changes
    return Configuration(block=block, batch_norm=batch_norm, **values)  # pyright: ignore


def by_pytorch(*arguments, **options) -> Training:
    training = Training(*arguments, **options)
    training.computation = TorchComputation(training.network, training.precision)
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
    arguments = configuration(block, batch_norm), tiny_data(train=150, test=30, validation=10), [4, 0, 9]
    ours, theirs = Training(*arguments, precision="float64"), by_pytorch(*arguments, precision="float64")
    assert isinstance(ours.computation, KernelComputation)
    for _ in range(3):
        a, b = ours.run_epoch(), theirs.run_epoch()
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-9)
        assert (a.train_accuracy, a.validation_accuracy, a.test_accuracy) == (
            b.train_accuracy,
            b.validation_accuracy,
            b.test_accuracy,
        )
    expected = theirs.network.state_dict()
    for name, value in ours.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)


@needs_compiler
@pytest.mark.parametrize("block", ["residual", "conv"])
def test_twenty_steps_in_float32_stay_within_rounding_of_pytorchs(block):
    arguments = configuration(block, num_blocks=10, lr=0.01, epochs=1), tiny_data(train=20 * 128), [8]
    ours, theirs = Training(*arguments), by_pytorch(*arguments)
    ours.run_epoch()
    theirs.run_epoch()
    expected = theirs.network.state_dict()
    for name, value in ours.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)


@needs_compiler
def test_thirty_seeds_reach_the_accuracy_that_they_reach_by_pytorch():
    """Single runs part ways after many steps, by rounding alone; their means must not.

    Two one-sided tests (Schuirmann 1987): the 90 % interval of the mean paired difference lies within the margin, which
    was fixed beforehand: one percentage point, the studies' own meaningful difference.
    """
    margin, seeds = 1.0, range(30)
    setting = configuration(batch_norm=True, num_blocks=1, epochs=6)
    arguments = setting, some_digits(512), seeds
    ours, theirs = Training(*arguments), by_pytorch(*arguments)
    a, b = ([training.run_epoch() for _ in range(setting.epochs)][-1].test_accuracy for training in (ours, theirs))
    differences = [x - y for x, y in zip(a, b, strict=True)]
    half = stats.t.ppf(0.95, len(seeds) - 1) * statistics.stdev(differences) / math.sqrt(len(seeds))
    assert abs(statistics.mean(differences)) + half < margin
    assert statistics.mean(a) > 50  # they did learn


@pytest.mark.parametrize("precision", ["bf16"])
def test_precisions_that_the_kernels_do_not_have_go_to_pytorch(precision):
    assert isinstance(computation_for(network(), configuration(), precision), OneByOneComputation)


@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_one_by_one_is_as_side_by_side_and_bit_for_bit_as_alone(block, batch_norm):
    setting, data, seeds = configuration(block, batch_norm), tiny_data(train=150, test=30), [4, 0, 9]

    def one_by_one(seeds: list[int]) -> Training:
        training = Training(setting, data, seeds, precision="float64")
        training.computation = OneByOneComputation(training.network, setting, "float64")
        training.run_epoch()
        return training

    ours, theirs, alone = one_by_one(seeds), by_pytorch(setting, data, seeds, precision="float64"), one_by_one([0])
    theirs.run_epoch()
    expected, lone = theirs.network.state_dict(), alone.network.state_dict()
    for name, value in ours.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)
        assert torch.equal(value[1], lone[name][0]), name


def test_without_kernels_pytorch_trains_and_says_so_once(monkeypatch, caplog):
    def none(*_):
        raise KernelsUnavailableError("no C++ compiler found")

    monkeypatch.setattr(computation, "KernelComputation", none)
    computation._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        chosen = [computation_for(network(), configuration(), "float32") for _ in range(2)]
    assert [type(each) for each in chosen] == [OneByOneComputation] * 2
    assert [record.message for record in caplog.records] == [
        "training with PyTorch alone, several times slower than with the kernels: no C++ compiler found"
    ]
