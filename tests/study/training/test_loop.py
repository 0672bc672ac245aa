import functools
import gc
import itertools
import math
import weakref

import numpy as np
import pytest
import torch

from study.contract.axes import Configuration
from study.data import ImageData
from study.training.loop import EpochRecord, Training, _order_generator, train
from tests.helpers import tiny_data
from tests.study.training.plain_network import PlainNetwork, train_plainly

EPOCHS = 3
SEEDS = [5, 0, 2, 9, 1, 7, 3, 4]
VARIANTS = list(itertools.product(("residual", "conv"), (False, True)))


@pytest.fixture(scope="module")
def data() -> ImageData:
    return tiny_data()


def configuration(block: str = "residual", batch_norm: bool = False, **changes) -> Configuration:
    values = {"num_blocks": 2, "lr": 0.05, "epochs": EPOCHS} | changes
    return Configuration(block=block, batch_norm=batch_norm, **values)  # pyright: ignore


def finish(training: Training) -> list[EpochRecord]:
    records = []
    while not training.finished:
        records.append(training.run_epoch())
    return records


def replica_state(training: Training, replica: int) -> dict[str, torch.Tensor]:
    return {name: t[replica] for name, t in training.state_dict()["network"].items()}


def assert_same_replica(ours: Training, replica: int, theirs: dict[str, torch.Tensor], *, rtol: float, atol: float):
    for name, value in replica_state(ours, replica).items():
        torch.testing.assert_close(value, theirs[name], rtol=rtol, atol=atol, msg=name)


def small_data() -> ImageData:
    """One whole batch and a partial one: float64 is slow."""
    return tiny_data(train=150, test=30)


@functools.cache
def lone_run(setting: Configuration, seed: int, precision: str) -> Training:
    run = Training(setting, small_data(), [seed], precision=precision)
    finish(run)
    return run


# In float32 a ReLU whose input is nearly zero can open in one form and stay shut in the other: a difference in the
# seventh digit then becomes one in the third a few steps on. So several epochs are compared in float64, where no such
# accident can hide a mistake, and one epoch in float32.
EXACT = {"precision": "float64", "lr": 0.05, "epochs": EPOCHS, "rtol": 1e-9, "atol": 1e-9}
ROUNDED = {"precision": "float32", "lr": 0.01, "epochs": 1, "rtol": 1e-4, "atol": 1e-6}


@pytest.mark.parametrize("level", [EXACT, ROUNDED], ids=["float64", "float32"])
@pytest.mark.parametrize("replicas", [1, 3, 8])
@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_each_replica_is_a_lone_run_with_its_seed(block, batch_norm, replicas, level):
    setting = configuration(block, batch_norm, epochs=level["epochs"], lr=level["lr"])
    together = Training(setting, small_data(), SEEDS[:replicas], precision=level["precision"])
    finish(together)
    for replica, seed in enumerate(SEEDS[:replicas]):
        alone = replica_state(lone_run(setting, seed, level["precision"]), 0)
        assert_same_replica(together, replica, alone, rtol=level["rtol"], atol=level["atol"])


@pytest.mark.parametrize("level", [EXACT, ROUNDED], ids=["float64", "float32"])
@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_a_lone_run_is_the_obvious_loop(block, batch_norm, level):
    data, seed = small_data(), 4
    setting = configuration(block, batch_norm, epochs=level["epochs"], lr=level["lr"])
    ours = Training(setting, data, [seed], precision=level["precision"])
    records = finish(ours)
    torch.manual_seed(seed)
    plain = PlainNetwork(setting).to(getattr(torch, level["precision"]))
    generator = _order_generator(seed)
    orders = [torch.randperm(len(data.train_labels), generator=generator) for _ in range(setting.epochs)]
    history = train_plainly(plain, data, lr=setting.lr, orders=orders)
    for record, expected in zip(records, history, strict=True):
        assert record.train_loss[0] == pytest.approx(expected["loss"], rel=1e-5)
        assert record.train_accuracy[0] == pytest.approx(expected["train"], abs=1e-4)
        assert record.test_accuracy[0] == pytest.approx(expected["test"], abs=1e-4)
    assert_same_replica(ours, 0, plain.state_dict(), rtol=level["rtol"], atol=level["atol"])


def test_twenty_steps_of_a_replica_stay_within_float32_rounding_of_a_lone_run():
    data = tiny_data(train=20 * 128)
    one_epoch = configuration(lr=0.01, epochs=1, num_blocks=10)
    together = Training(one_epoch, data, [3, 8, 1])
    finish(together)
    alone = Training(one_epoch, data, [8])
    finish(alone)
    assert_same_replica(together, 1, replica_state(alone, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_a_diverging_replica_leaves_its_neighbours_bit_identical(data, block, batch_norm):
    setting = configuration(block, batch_norm)
    calm = Training(setting, data, [0, 1, 2], lr=[0.05, 0.05, 0.05])
    disturbed = Training(setting, data, [0, 1, 2], lr=[0.05, 1e30, 0.05])
    calm_records, disturbed_records = finish(calm), finish(disturbed)
    last = disturbed_records[-1]
    assert last.diverged == (False, True, False)
    assert math.isnan(last.train_loss[1])
    for replica in (0, 2):
        ours, theirs = replica_state(disturbed, replica), replica_state(calm, replica)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert last.train_loss[replica] == calm_records[-1].train_loss[replica]
        assert last.test_accuracy[replica] == calm_records[-1].test_accuracy[replica]


def test_a_diverged_run_stays_marked_and_its_accuracy_is_reported_as_it_is(data):
    records = list(train(configuration(), data, [0, 1], lr=[0.05, 1e30]))
    assert [r.diverged for r in records] == [(False, True)] * EPOCHS
    assert all(0 <= r.test_accuracy[1] <= 100 for r in records)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_same_seeds_twice_are_bit_identical(data, batch_norm):
    setting = configuration(batch_norm=batch_norm)
    first, second = (Training(setting, data, [0, 1]) for _ in range(2))
    for a, b in zip(finish(first), finish(second), strict=True):
        assert (a.train_loss, a.train_accuracy, a.test_accuracy) == (
            b.train_loss,
            b.train_accuracy,
            b.test_accuracy,
        )
    for name, value in first.state_dict()["network"].items():
        assert torch.equal(value, second.state_dict()["network"][name])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_resumed_run_continues_bit_for_bit(data, tmp_path, batch_norm):
    setting = configuration(batch_norm=batch_norm)
    whole = Training(setting, data, [0, 1])
    expected = finish(whole)
    part = Training(setting, data, [0, 1])
    part.run_epoch()
    torch.save(part.state_dict(), tmp_path / "state.pt")
    resumed = Training(setting, data, [0, 1])
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert resumed.seconds == part.seconds
    rest = finish(resumed)
    assert [r.epoch for r in rest] == [2, 3]
    for ours, theirs in zip(rest, expected[1:], strict=True):
        assert ours.train_loss == theirs.train_loss
        assert ours.train_accuracy == theirs.train_accuracy
        assert ours.iterations == theirs.iterations
    for name, value in whole.state_dict()["network"].items():
        assert torch.equal(value, resumed.state_dict()["network"][name])


def test_no_epoch_is_trained_beyond_the_planned_ones(data):
    training = Training(configuration(epochs=1), data, [0])
    training.run_epoch()
    with pytest.raises(RuntimeError, match="all 1 epochs are trained"):
        training.run_epoch()


def test_a_run_that_nobody_holds_is_gone_at_once(data):
    """With all its memory, and without the garbage collector: the next trial of the process needs it."""
    gc.collect()
    gc.disable()
    try:
        run = Training(configuration(), data, [0, 1])
        run.run_epoch()
        gone = weakref.ref(run)
        del run
        assert gone() is None
    finally:
        gc.enable()


def test_a_state_does_not_change_as_training_goes_on(data):
    run = Training(configuration(), data, [0])
    state = run.state_dict()
    kept = {name: value.clone() for name, value in state["network"].items()}
    run.run_epoch()
    assert all(torch.equal(value, kept[name]) for name, value in state["network"].items())


def test_train_goes_on_from_a_state(data):
    part = Training(configuration(), data, [0])
    part.run_epoch()
    assert [r.epoch for r in train(configuration(), data, [0], state=part.state_dict())] == [2, 3]


def test_a_record_counts_steps_of_whole_and_partial_batches(data):
    record = next(train(configuration(), data, [0, 1]))
    assert record.epoch == 1
    assert record.iterations == 3
    assert record.seconds > 0
    assert record.validation_accuracy is None
    assert len(record.train_loss) == len(record.train_accuracy) == len(record.test_accuracy) == 2


def test_validation_accuracy_is_measured_on_the_held_out_images():
    plain = tiny_data()
    data = tiny_data(validation=50)
    # The held-out set is made a copy of the test set: the two accuracies must then agree.
    data = ImageData(
        **{
            **vars(data),
            "validation_images": plain.test_images,
            "validation_labels": plain.test_labels,
            "test_images": plain.test_images,
            "test_labels": plain.test_labels,
        }
    )
    for record in train(configuration(), data, [0, 1]):
        assert record.validation_accuracy == record.test_accuracy


def test_the_learning_rate_of_each_replica_is_its_own(data):
    rates = [0.01, 0.1]
    together = Training(configuration(), data, [6, 7], lr=rates, precision="float64")
    finish(together)
    for replica, (seed, rate) in enumerate(zip([6, 7], rates, strict=True)):
        alone = Training(configuration(lr=rate), data, [seed], precision="float64")
        finish(alone)
        assert_same_replica(together, replica, replica_state(alone, 0), rtol=1e-9, atol=1e-9)


def test_the_data_order_of_a_seed_does_not_depend_on_the_configuration(data):
    small, large = (
        Training(configuration(num_blocks=0), data, [3]),
        Training(configuration(num_blocks=4, batch_norm=True), data, [3]),
    )
    a, b = (t.state_dict()["orders"][0] for t in (small, large))
    assert torch.equal(a, b)


def test_read_only_arrays_are_trained_on_without_a_copy_or_a_warning():
    data = tiny_data()
    for array in vars(data).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    training = Training(configuration(epochs=1), data, [0])
    assert training._train.pixels.data_ptr() == data.train_images.ctypes.data
    finish(training)


def test_bf16_trains(data):
    records = list(train(configuration(), data, [0], precision="bf16"))
    exact = list(train(configuration(), data, [0]))
    assert records[-1].train_loss != exact[-1].train_loss
    assert records[-1].train_loss[0] == pytest.approx(exact[-1].train_loss[0], rel=0.1)


def test_tf32_is_refused_on_a_cpu(data):
    with pytest.raises(ValueError, match="NVIDIA GPUs only"):
        Training(configuration(), data, [0], precision="tf32")


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_must_be_distinct(data, seeds):
    with pytest.raises(ValueError, match="distinct"):
        Training(configuration(), data, seeds)


def test_one_learning_rate_a_seed(data):
    with pytest.raises(ValueError, match="2 learning rates for 1 seeds"):
        Training(configuration(), data, [0], lr=[0.1, 0.2])
