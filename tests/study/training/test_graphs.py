import pytest
import torch

from study.contract.axes import Configuration
from study.training.graphs import REHEARSALS, SWITCH, launcher, plainly, rehearse
from study.training.loop import BATCH_SIZE, Training
from tests.helpers import tiny_data

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def training(device: str = "cpu", batch_norm: bool = True, seeds: int = 2, epochs: int = 2) -> Training:
    setting = Configuration(block="residual", num_blocks=2, batch_norm=batch_norm, lr=0.05, epochs=epochs)
    return Training(setting, tiny_data(), range(seeds), device=device)


def tensors_of(run: Training) -> dict[str, torch.Tensor]:
    """Every tensor that a run holds, by name, whatever it is for."""
    own = {name: value for name, value in vars(run).items() if isinstance(value, torch.Tensor)}
    return {name: value.clone() for name, value in (own | run.network.state_dict()).items()}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_rehearsal_leaves_no_trace_in_a_training_run(batch_norm):
    """Holds the list of what a step changes against all that there is: a tensor left out would keep its change."""
    run = training(batch_norm=batch_norm)
    run._order.copy_(torch.arange(300).expand(2, 300))
    before = tensors_of(run)
    rehearse(lambda: run._next_step(64), run.changing, times=2)
    for name, value in tensors_of(run).items():
        assert torch.equal(value, before[name]), name
    run._next_step(64)
    assert not torch.equal(run._values, before["_values"])


def test_rehearsals_of_an_epochs_steps_do_not_run_past_its_end():
    """As CUDA does at the first step of each size: the last, of 300 - 256 images, has nothing after it."""
    rehearsed, plain = training(), training()

    def launch(step, size: int) -> None:
        rehearse(lambda: step(size), rehearsed.changing, REHEARSALS)
        step(size)

    rehearsed._launch = launch
    for _ in range(2):
        assert rehearsed.run_epoch().train_loss == plain.run_epoch().train_loss
    for name, value in tensors_of(rehearsed).items():
        assert torch.equal(value, tensors_of(plain)[name]), name


def test_on_a_cpu_the_step_is_taken_as_it_is():
    assert launcher([], torch.device("cpu")) is plainly
    taken = []
    plainly(taken.append, 80)
    assert taken == [80]


def test_steps_go_through_the_epoch_without_asking_the_host_where_they_are():
    run = training()
    seen = []
    logits = run.computation.logits
    run.computation.logits = lambda images, batch: seen.append(batch) or logits(images, batch)
    run.run_epoch()
    assert [batch.shape[1] for batch in seen] == [BATCH_SIZE, BATCH_SIZE, 300 - 2 * BATCH_SIZE]
    for replica in range(2):
        order = torch.cat([batch[replica] for batch in seen])
        assert torch.equal(order, run._order[replica])
        assert sorted(order.tolist()) == list(range(300))


@needs_cuda
@pytest.mark.parametrize("batch_norm", [False, True])
def test_graphs_train_as_single_launches_do(batch_norm, monkeypatch):
    graphs = training("cuda", batch_norm)
    records = [graphs.run_epoch(), graphs.run_epoch()]
    monkeypatch.setenv(SWITCH, "off")
    launches = training("cuda", batch_norm)
    for record in records:
        single = launches.run_epoch()
        assert record.train_loss == single.train_loss
        assert record.test_accuracy == single.test_accuracy


@needs_cuda
def test_a_step_on_cuda_never_waits_for_the_device():
    run = training("cuda")
    run.run_epoch()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run._step(BATCH_SIZE)
    finally:
        torch.cuda.set_sync_debug_mode("default")
