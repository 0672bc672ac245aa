import itertools

import pytest
import torch
import torch.nn.functional as F

from study.contract.axes import Configuration
from study.training.network import ReplicatedConv2d, ReplicatedNetwork
from study.training.plain import PlainNetwork

VARIANTS = [
    Configuration(block=block, num_blocks=num_blocks, batch_norm=batch_norm, lr=0.01, epochs=1)
    for block, num_blocks, batch_norm in itertools.product(("residual", "conv"), (0, 1, 3), (False, True))
]


def configuration(**changes: object) -> Configuration:
    values = {"block": "residual", "num_blocks": 2, "batch_norm": True, "lr": 0.01, "epochs": 1}
    return Configuration(**(values | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("batch_norm", "expected"), [(False, 25_288), (True, 25_608)])
@pytest.mark.parametrize("block", ["residual", "conv"])
def test_the_networks_of_the_notebook_have_its_number_of_parameters(block: str, batch_norm: bool, expected: int):
    network = ReplicatedNetwork(configuration(block=block, num_blocks=10, batch_norm=batch_norm), seeds=[0])
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_seed_initialises_as_torch_does_after_manual_seed(variant: Configuration):
    replicated = ReplicatedNetwork(variant, seeds=[11, 4])
    for replica, seed in enumerate([11, 4]):
        torch.manual_seed(seed)
        plain = PlainNetwork(variant)
        ours = [parameter[replica] for parameter in replicated.parameters()]
        theirs = list(plain.parameters())
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_logits_and_gradients_equal_the_plain_networks(variant: Configuration, training: bool):
    """In float64, where only a mistake could make a difference."""
    seeds = [3, 0, 8]
    replicated = ReplicatedNetwork(variant, seeds).double().train(training)
    images = torch.randn(5, 3 * len(seeds), 32, 32, dtype=torch.float64)
    targets = torch.randint(10, (len(seeds), 5))
    logits = replicated(images)
    F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").backward()
    for replica, seed in enumerate(seeds):
        torch.manual_seed(seed)
        plain = PlainNetwork(variant).double().train(training)
        expected = plain(images[:, 3 * replica : 3 * replica + 3])
        F.cross_entropy(expected, targets[replica], reduction="sum").backward()
        torch.testing.assert_close(logits[replica], expected, rtol=1e-10, atol=1e-10)
        for ours, theirs in zip(replicated.parameters(), plain.parameters(), strict=True):
            assert ours.grad is not None
            torch.testing.assert_close(ours.grad[replica], theirs.grad, rtol=1e-10, atol=1e-10)


def test_images_shown_to_all_replicas_equal_the_same_images_shown_to_each():
    network = ReplicatedNetwork(configuration(), seeds=[0, 1, 2]).eval()
    images = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(network(images), network(images.repeat(1, 3, 1, 1)))


def test_running_statistics_equal_the_plain_networks():
    variant = configuration()
    replicated = ReplicatedNetwork(variant, seeds=[0, 1]).train()
    images = torch.randn(6, 6, 32, 32)
    replicated(images)
    torch.manual_seed(1)
    plain = PlainNetwork(variant).train()
    plain(images[:, 3:])
    expected = {k: v for k, v in plain.named_buffers() if "num_batches" not in k}
    ours = dict(replicated.named_buffers())
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(ours[name][1], value)


def test_the_number_of_classes_is_the_data_sets():
    network = ReplicatedNetwork(configuration(), seeds=[0], num_classes=3)
    assert network(torch.randn(2, 3, 32, 32)).shape == (1, 2, 3)


def test_a_convolution_passes_gradcheck():
    layer = ReplicatedConv2d([torch.Generator().manual_seed(0)] * 2, 2, 3, 3, stride=2).double()
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
