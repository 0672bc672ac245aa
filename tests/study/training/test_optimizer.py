"""Momentum, weight decay, batch sizes and schedules are torch's own."""

import pytest
import torch

from study.contract.axes import Configuration
from study.training.loop import Training
from study.training.plain import PlainNetwork
from study.training.schedules import learning_rates
from study.training.states import order_generator
from tests.helpers import tiny_data
from tests.study.training.helpers import configuration, finish, network_of, runs_of
from tests.study.training.plain_network import train_plainly

RECIPES = [
    {"momentum": 0.9},
    {"weight_decay": 0.05},
    {"momentum": 0.5, "weight_decay": 0.05, "batch_size": 37},
    {"lr_schedule": "cosine"},
    {"lr_schedule": "one_cycle"},
    {"lr_schedule": "one_cycle", "momentum": 0.9, "weight_decay": 0.01, "batch_size": 64},
    {"lr_schedule": "cosine", "momentum": 0.9, "batch_size": 1000},
]


def scheduler_of(
    setting: Configuration, optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """Torch's scheduler of a configuration, to be stepped after each of ``steps`` steps an epoch."""
    total = setting.epochs * steps
    if setting.lr_schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    if setting.lr_schedule == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=setting.lr, total_steps=total, cycle_momentum=False
        )
    return None


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside others"])
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_run_is_torchs_sgd_with_torchs_scheduler(recipe, alone):
    data = tiny_data(train=150, test=30)
    setting = configuration(batch_norm=True, epochs=3, **recipe)
    others = [] if alone else runs_of(configuration(batch_norm=True, epochs=2, batch_size=setting.batch_size), [8])
    ours = Training([*others, *runs_of(setting, [4])], data, precision="float64")
    results = [epoch[-1] for epoch in finish(ours)]

    torch.manual_seed(4)
    plain = PlainNetwork(setting).double()
    optimizer = torch.optim.SGD(
        plain.parameters(), lr=setting.lr, momentum=setting.momentum, weight_decay=setting.weight_decay
    )
    scheduler = scheduler_of(setting, optimizer, steps=-(-150 // setting.batch_size))
    generator = order_generator(4)
    orders = [torch.randperm(150, generator=generator) for _ in range(setting.epochs)]
    history = train_plainly(plain, data, optimizer, orders, batch_size=setting.batch_size, scheduler=scheduler)
    for result, expected in zip(results, history, strict=True):
        assert result.train_loss == pytest.approx(expected["loss"], rel=1e-10)
    expected = plain.state_dict()
    for name, value in network_of(ours, -1).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (1, 2), (1, 3), (2, 2), (5, 1), (3, 7), (25, 391)])
def test_the_rates_are_those_of_torchs_schedulers(schedule, epochs, steps):
    setting = configuration(lr_schedule=schedule, epochs=epochs, lr=0.3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=setting.lr)
    scheduler = scheduler_of(setting, optimizer, steps)
    expected = []
    for _ in range(epochs * steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    ours = [rate for epoch in range(epochs) for rate in learning_rates(setting, epoch, steps)]
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_plain_sgd_holds_nothing_but_the_parameters():
    training = Training(runs_of(configuration(), [0, 1]), tiny_data())
    parameters = sum(p.numel() for p in training.chunks[0].network.parameters())
    assert [tensor.numel() for tensor in training.chunks[0].state_tensors] == [parameters, 1, 2]


def test_a_batch_larger_than_the_training_set_is_one_step_an_epoch():
    training = Training(runs_of(configuration(batch_size=10_000, epochs=2), [0]), tiny_data(train=60))
    assert [epoch[0].iterations for epoch in finish(training)] == [1, 2]


def test_a_momentum_buffer_is_part_of_the_state():
    setting, data = configuration(momentum=0.9, epochs=2), tiny_data(train=150)
    plain, moving = (Training(runs_of(each, [0]), data) for each in (configuration(epochs=2), setting))
    plain.run_epoch()
    moving.run_epoch()
    assert plain.state_dict()["momentum"] == {}
    assert moving.state_dict()["momentum"].keys() == dict(moving.chunks[0].network.named_parameters()).keys()
    assert all(buffer.any() for buffer in moving.state_dict()["momentum"].values())
