from typing import Any

import pytest
import torch

from study.training.graphs import SWITCH, WARM_UPS, eager, step_runner, warm_up
from study.training.loop import Training
from tests.helpers import tiny_data
from tests.study.training.helpers import configuration, numbers, runs_of

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
RECIPES = [{}, {"momentum": 0.9, "weight_decay": 0.01, "lr_schedule": "one_cycle"}]


def training(device: str = "cpu", batch_norm: bool = True, **changes: Any) -> Training:
    setting = configuration(batch_norm=batch_norm, epochs=2, **changes)
    return Training(runs_of(setting, range(2)), tiny_data(), device=device)


def tensors_in(holder: object) -> dict[str, torch.Tensor]:
    return {name: value for name, value in vars(holder).items() if isinstance(value, torch.Tensor)}


def tensors_of(run: Training) -> dict[str, torch.Tensor]:
    """Every tensor that a training holds, by name, whatever it is for."""
    chunk = run.chunks[0]
    found = tensors_in(chunk) | tensors_in(chunk._optimizer) | chunk.network.state_dict()
    return {name: value.clone() for name, value in found.items()}


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_warm_up_leaves_no_trace_in_a_training(batch_norm, recipe):
    """Holds the state tensors against all that there are: a tensor left out would keep its change."""
    run = training(batch_norm=batch_norm, **recipe)
    run.begin_epoch()
    (chunk,) = run.chunks
    before = tensors_of(run)
    warm_up(lambda: chunk.eager_step(64), chunk.state_tensors, times=2)
    for name, value in tensors_of(run).items():
        assert torch.equal(value, before[name]), name
    chunk.eager_step(64)
    assert not torch.equal(tensors_of(run)["values"], before["values"])


def test_warm_ups_of_an_epochs_steps_do_not_run_past_its_end():
    """As CUDA does at the first step of each size: the last, of 300 - 256 images, has nothing after it."""
    warmed, plain = training(**RECIPES[1]), training(**RECIPES[1])

    def run_step(step, size: int) -> None:
        warm_up(lambda: step(size), warmed.chunks[0].state_tensors, WARM_UPS)
        step(size)

    warmed.chunks[0]._run_step = run_step
    assert numbers(warmed.run_epoch()) == numbers(plain.run_epoch())
    for name, value in tensors_of(warmed).items():
        assert torch.equal(value, tensors_of(plain)[name]), name


def test_on_a_cpu_the_step_is_taken_as_it_is():
    assert step_runner([], torch.device("cpu")) is eager
    taken = []
    eager(taken.append, 80)
    assert taken == [80]


def test_steps_go_through_the_epoch_without_asking_the_host_where_they_are():
    run = training()
    seen = []
    (chunk,) = run.chunks
    logits = chunk.backend.logits
    chunk.backend.logits = lambda images, batch: seen.append(batch) or logits(images, batch)
    run.run_epoch()
    assert [batch.shape[1] for batch in seen] == [128, 128, 300 - 2 * 128]
    for replica in range(2):
        order = torch.cat([batch[replica] for batch in seen])
        assert torch.equal(order, chunk.order[replica])
        assert sorted(order.tolist()) == list(range(300))


@needs_cuda
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_graphs_train_as_single_launches_do(batch_norm, recipe, monkeypatch):
    graphs = training("cuda", batch_norm, **recipe)
    epochs = [graphs.run_epoch(), graphs.run_epoch()]
    monkeypatch.setenv(SWITCH, "off")
    launches = training("cuda", batch_norm, **recipe)
    for epoch in epochs:
        assert numbers(launches.run_epoch()) == numbers(epoch)


@needs_cuda
def test_a_step_on_cuda_never_waits_for_the_device():
    run = training("cuda")
    run.run_epoch()
    run.begin_epoch()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run.step(128)
    finally:
        torch.cuda.set_sync_debug_mode("default")
