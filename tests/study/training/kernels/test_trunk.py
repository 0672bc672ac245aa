import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from study.contract.axes import Block, Configuration
from study.training.images import Images
from study.training.kernels import trunk as trunk_module
from study.training.kernels.build import compiler, load
from study.training.kernels.trunk import KernelTrunk
from study.training.network import ReplicatedNetwork
from tests.helpers import tiny_data
from tests.study.training.kernels.helpers import needs_compiler

pytestmark = needs_compiler

VARIANTS = list(itertools.product(("residual", "conv"), (False, True), (0, 1, 3)))
SEEDS = [7, 2]
LARGEST = 32


def configuration(block: Block = "residual", batch_norm: bool = False, num_blocks: int = 1) -> Configuration:
    return Configuration(block=block, num_blocks=num_blocks, batch_norm=batch_norm, lr=0.01, epochs=1)


def network_of(setting: Configuration, seeds: Sequence[int] = SEEDS, dtype=torch.float64) -> ReplicatedNetwork:
    network = ReplicatedNetwork(setting, seeds).to(dtype)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        if "norm" in name:  # weights of 1 and biases of 0 would hide mistakes
            parameter.data += 0.3 * torch.rand(parameter.shape, generator=generator, dtype=dtype)
    return network


def images_of(count: int = 40, dtype=torch.float64) -> Images:
    data = tiny_data(train=count)
    return Images(data.train_images, data.train_labels, torch.device("cpu"), dtype)


def batch_of(size: int, replicas: int = len(SEEDS)) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.stack([torch.randperm(40, generator=generator)[:size] for _ in range(replicas)])


def plain_features(network: ReplicatedNetwork, images: Tensor) -> Tensor:
    """What the network's own forward hands to its head."""
    seen: list[Tensor] = []
    handle = network.fc1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(images)
    handle.remove()
    return seen[0][:, : len(images)]  # a batch of one may go through the head twice


def trunk_parameters(network: ReplicatedNetwork) -> list[Tensor]:
    return [parameter for name, parameter in network.named_parameters() if not name.startswith("fc")]


# 32 fills whole vectors of any width; 22 and 1 leave lanes empty.
@pytest.mark.parametrize("size", [32, 22, 1])
@pytest.mark.parametrize(("block", "batch_norm", "num_blocks"), VARIANTS)
def test_features_and_gradients_equal_pytorchs(block, batch_norm, num_blocks, size):
    setting = configuration(block, batch_norm, num_blocks)
    network, images, batch = network_of(setting), images_of(), batch_of(size)
    grad_output = torch.randn(len(SEEDS), size, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ours = KernelTrunk(network, setting, LARGEST).features(images, batch)
    our_gradients = torch.autograd.grad((ours * grad_output).sum(), trunk_parameters(network))
    our_buffers = [buffer.clone() for buffer in network.buffers()]

    reference = network_of(setting).train()
    expected = plain_features(reference, images.batch(batch))
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad((expected * grad_output).sum(), trunk_parameters(reference))
    for ours_of, theirs in zip(our_gradients, gradients, strict=True):
        torch.testing.assert_close(ours_of, theirs, rtol=1e-10, atol=1e-10 * float(theirs.abs().max() + 1))
    for ours_of, theirs in zip(our_buffers, reference.buffers(), strict=True):
        torch.testing.assert_close(ours_of, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("block", "batch_norm", "num_blocks"), VARIANTS)
def test_gradients_pass_gradcheck(block, batch_norm, num_blocks):
    """Against finite differences, so that PyTorch's own formulas are not the only witness."""
    setting = configuration(block, batch_norm, num_blocks)
    images, batch = images_of(), batch_of(5)

    def features(*parameters: Tensor) -> Tensor:
        network = network_of(setting)
        trunk = KernelTrunk(network, setting, LARGEST)
        trunk._parameters = lambda: list(parameters)  # pyright: ignore[reportAttributeAccessIssue]
        return trunk.features(images, batch)

    start = KernelTrunk(network_of(setting), setting, LARGEST)._parameters()
    inputs = [parameter.detach().clone().requires_grad_() for parameter in start]
    assert torch.autograd.gradcheck(features, inputs, fast_mode=True, eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("count", [1, 13, 40])
@pytest.mark.parametrize(("block", "batch_norm", "num_blocks"), VARIANTS)
def test_inference_equals_pytorchs_eval_mode(block, batch_norm, num_blocks, count):
    setting = configuration(block, batch_norm, num_blocks)
    network, images = network_of(setting), images_of()
    trunk = KernelTrunk(network, setting, LARGEST)
    trunk.features(images, batch_of(20))  # moves the running statistics
    first = 40 - count
    ours = trunk.infer(images, first, 40)
    pixels = torch.cat([pixels for pixels, _ in images.batches(40)])[first:]
    expected = plain_features(network.eval(), pixels)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_float32_rounds_no_worse_than_pytorch(batch_norm):
    """Winograd's transforms amplify rounding; the gradients' errors must stay of the order of PyTorch's own."""
    setting = configuration(batch_norm=batch_norm, num_blocks=10)
    batch = batch_of(32, replicas=1)

    def gradients(dtype: torch.dtype, ours: bool) -> list[Tensor]:
        network, images = network_of(setting, [3], dtype).train(), images_of(dtype=dtype)
        if ours:
            features = KernelTrunk(network, setting, LARGEST).features(images, batch)
        else:
            features = plain_features(network, images.batch(batch))
        return [g.double() for g in torch.autograd.grad(features.square().sum(), trunk_parameters(network))]

    exact = gradients(torch.float64, ours=False)

    def errors(found: list[Tensor]) -> Tensor:
        return torch.stack([(f - e).norm() / (e.norm() + 1e-3) for f, e in zip(found, exact, strict=True)])

    ours, theirs = errors(gradients(torch.float32, ours=True)), errors(gradients(torch.float32, ours=False))
    assert ours.median() <= 3 * theirs.median()
    assert ours.max() <= 3 * theirs.max()


@pytest.mark.parametrize(("vector_bytes", "registers"), [(16, 32), (64, 32)])
def test_every_vector_width_computes_the_same(monkeypatch, vector_bytes, registers):
    setting = configuration(batch_norm=True, num_blocks=2)
    images, batch = images_of(), batch_of(21)
    expected = KernelTrunk(network_of(setting), setting, LARGEST).features(images, batch)
    options = [f"-DVECTOR_BYTES={vector_bytes}", f"-DREGISTERS={registers}", "-Wno-psabi", "-O1"]
    monkeypatch.setattr(trunk_module, "library", lambda: load(compiler(), options))
    network = network_of(setting)
    ours = KernelTrunk(network, setting, LARGEST).features(images, batch)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    reference = network_of(setting).train()
    plain = plain_features(reference, images.batch(batch))
    pairs = zip(
        torch.autograd.grad(ours.square().sum(), trunk_parameters(network)),
        torch.autograd.grad(plain.square().sum(), trunk_parameters(reference)),
        strict=True,
    )
    for our_gradient, their_gradient in pairs:
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_threads_change_no_bit(batch_norm):
    setting = configuration(batch_norm=batch_norm)
    images, batch = images_of(dtype=torch.float32), batch_of(22, replicas=3)

    def everything(threads: int) -> list[Tensor]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            network = network_of(setting, [1, 2, 3], torch.float32)
            trunk = KernelTrunk(network, setting, LARGEST)
            features = trunk.features(images, batch)
            gradients = torch.autograd.grad(features.sum(), trunk_parameters(network))
            return [features, *gradients, trunk.infer(images, 0, 40)]
        finally:
            torch.set_num_threads(before)

    for one, three in zip(everything(1), everything(3), strict=True):
        assert torch.equal(one, three)


def test_a_replica_that_is_not_a_number_says_so_and_leaves_the_others_alone():
    setting = configuration(batch_norm=True, num_blocks=2)
    images, batch = images_of(), batch_of(22)
    calm = KernelTrunk(network_of(setting), setting, LARGEST).features(images, batch)
    network = network_of(setting)
    network.conv1.weight.data[1] = float("nan")
    disturbed = KernelTrunk(network, setting, LARGEST).features(images, batch)
    assert torch.equal(calm[0], disturbed[0])
    assert disturbed[1].isnan().all()


def test_images_and_batches_that_it_was_not_made_for_are_refused():
    setting = configuration()
    trunk, pixels = KernelTrunk(network_of(setting), setting, LARGEST), np.zeros((40, 16, 16, 3), np.uint8)
    small = Images(pixels, np.zeros(40, np.int64), torch.device("cpu"), torch.float64)
    for refused in (lambda: trunk.features(small, batch_of(4)), lambda: trunk.infer(small, 0, 4)):
        with pytest.raises(ValueError, match=r"images of shape \(16, 16, 3\): the network takes \(32, 32, 3\)"):
            refused()
    with pytest.raises(ValueError, match="a batch of 40 images: this trunk was made for at most 32"):
        trunk.features(images_of(), batch_of(40))


def test_images_that_do_not_lie_in_one_piece_are_those_that_they_are():
    setting = configuration()
    trunk, data = KernelTrunk(network_of(setting), setting, LARGEST), tiny_data(train=80)
    of_two = [
        Images(pixels, data.train_labels[::2], torch.device("cpu"), torch.float64)
        for pixels in (data.train_images[::2], data.train_images[::2].copy())
    ]
    apart, together = (trunk.infer(images, 0, 40) for images in of_two)
    assert torch.equal(apart, together)


def test_gradients_of_a_batch_whose_values_are_gone_are_refused():
    setting = configuration()
    network, images = network_of(setting), images_of()
    trunk = KernelTrunk(network, setting, LARGEST)
    first = trunk.features(images, batch_of(22))
    trunk.features(images, batch_of(32))
    with pytest.raises(RuntimeError, match="another batch has gone forward"):
        first.sum().backward()
