"""Replicas side by side by PyTorch, as a GPU trains them, against the way a CPU trains; on CUDA where there is one.

The same tests run on a CPU, so that they are known to be right before a GPU is at hand.
"""

import contextlib
import dataclasses
import statistics
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from study.contract.runs import Run
from study.data import ImageData
from study.training.backends import TorchBackend
from study.training.loop import Training
from tests.helpers import tiny_data
from tests.study.training.helpers import (
    configuration,
    finish,
    network_of,
    numbers,
    runs_of,
    same_bits,
    small_data,
    state_of,
)

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
RECIPE = {"momentum": 0.9, "weight_decay": 0.01, "lr_schedule": "one_cycle"}


def side_by_side(runs: list[Run], data: ImageData, device: str, precision: str = "float32") -> Training:
    training = Training(runs, data, device=device, precision=precision)
    (chunk,) = training.chunks
    if device == "cpu":
        chunk.backend = TorchBackend(chunk.network, precision)
    assert isinstance(chunk.backend, TorchBackend)
    return training


@devices
@pytest.mark.parametrize("batch_norm", [False, True])
def test_in_float64_it_trains_as_the_cpu_does(device, batch_norm):
    runs = runs_of(configuration(batch_norm=batch_norm, num_blocks=3, **RECIPE), [4, 0, 9])
    ours = side_by_side(runs, small_data(), device, "float64")
    theirs = Training(runs, small_data(), precision="float64")
    for a, b in zip(ours.run_epoch(), theirs.run_epoch(), strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-10)
        assert (a.train_accuracy, a.test_accuracy) == (b.train_accuracy, b.test_accuracy)
    for place in range(len(runs)):
        expected = network_of(theirs, place)
        for name, value in network_of(ours, place).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=1e-10)


@devices
def test_twenty_steps_in_float32_stay_within_rounding_of_the_cpus(device):
    arguments = runs_of(configuration(num_blocks=10, lr=0.01, epochs=2), [8, 3]), tiny_data(train=20 * 128)
    ours, theirs = side_by_side(*arguments, device), Training(*arguments)
    ours.run_epoch()
    theirs.run_epoch()
    for place in range(2):
        expected = network_of(theirs, place)
        for name, value in network_of(ours, place).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)


@devices
@pytest.mark.parametrize("precision", ["float32", pytest.param("tf32", marks=needs_cuda), "bf16"])
def test_the_same_seeds_twice_give_the_same_bits(device, precision):
    if (device, precision) == ("cpu", "tf32"):
        pytest.skip("tf32 exists on NVIDIA GPUs only")
    runs = runs_of(configuration(batch_norm=True, **RECIPE), range(5))
    one, other = (side_by_side(runs, small_data(), device, precision) for _ in range(2))
    for _ in range(2):
        assert numbers(one.run_epoch()) == numbers(other.run_epoch())
    assert all(same_bits(state_of(one, place), state_of(other, place)) for place in range(5))


@devices
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_diverging_run_changes_no_bit_of_its_neighbours(device, batch_norm):
    calm = runs_of(configuration(batch_norm=batch_norm), [0, 1, 2])
    wild = [calm[0], *runs_of(configuration(batch_norm=batch_norm, lr=1e30), [1]), calm[2]]
    one, other = (side_by_side(runs, small_data(), device) for runs in (calm, wild))
    for training in (one, other):
        last = [training.run_epoch() for _ in range(2)][-1]
    assert [result.diverged for result in last] == [False, True, False]
    for place in (0, 2):
        assert same_bits(state_of(one, place), state_of(other, place))


def images_hard_to_tell(train: int, test: int) -> ImageData:
    """Ten classes of coarse patterns below noise: seeds end far apart after a few epochs, and none at the limit."""
    random = np.random.default_rng(0)
    patterns = random.integers(68, 188, size=(10, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    images = {}
    for part, count in (("train", train), ("test", test)):
        labels = random.permutation(np.arange(count) % 10)
        noise = random.normal(0, 60, size=(count, 32, 32, 3))
        images[f"{part}_images"] = np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8)
        images[f"{part}_labels"] = labels.astype(np.int64)
    return dataclasses.replace(tiny_data(), **images)


@pytest.mark.slow
@devices
def test_the_mean_over_thirty_seeds_is_the_cpus_within_a_point(device):
    """Two one-sided tests at 5 % (Schuirmann 1987) of the same seeds' accuracies; the margin was fixed beforehand."""
    margin, seeds = 1.0, 30
    runs = runs_of(configuration(batch_norm=True, num_blocks=1, lr=0.1), range(seeds))
    arguments = runs, images_hard_to_tell(train=640, test=250)
    ours, theirs = (finish(each)[-1] for each in (side_by_side(*arguments, device), Training(*arguments)))
    assert statistics.stdev(result.test_accuracy for result in theirs) > 5
    differences = [a.test_accuracy - b.test_accuracy for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(differences) / seeds**0.5
    assert (
        abs(statistics.mean(differences)) + 1.699 * error < margin
    )  # the 95 % quantile of t with 29 degrees of freedom


@contextlib.contextmanager
def little_memory(share: float) -> Iterator[None]:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(share)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@needs_cuda
def test_a_pack_that_does_not_fit_the_gpu_goes_on_in_parts():
    """With 512 MiB at most; the activations of 256 runs take more than a gigabyte."""
    runs, data = runs_of(configuration(batch_norm=True), range(256)), small_data()
    whole = Training(runs, data, device="cuda").run_epoch()
    with little_memory(2**29 / torch.cuda.get_device_properties(0).total_memory):
        training = Training(runs, data, device="cuda")
        parts = training.run_epoch()
        assert len(training.chunks) > 1
    for a, b in zip(whole, parts, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-4)
