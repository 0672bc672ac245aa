import functools
import gc
import math
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from study.contract.axes import Configuration
from study.data import ImageData
from study.training.loop import Training, run_states, train
from study.training.plain import PlainNetwork
from study.training.states import order_generator
from tests.helpers import tiny_data
from tests.study.training.helpers import (
    EPOCHS,
    VARIANTS,
    configuration,
    finish,
    network_of,
    numbers,
    runs_of,
    same_bits,
    small_data,
    state_of,
)
from tests.study.training.plain_network import train_plainly

ROOT = Path(__file__).parents[3]
SEEDS = [5, 0, 2, 9, 1, 7, 3, 4]


@pytest.fixture(scope="module")
def data() -> ImageData:
    return tiny_data()


def assert_same_network(ours: Training, run: int, theirs: dict[str, torch.Tensor], *, rtol: float, atol: float) -> None:
    for name, value in network_of(ours, run).items():
        torch.testing.assert_close(value, theirs[name], rtol=rtol, atol=atol, msg=name)


@functools.cache
def lone_run(setting: Configuration, seed: int, precision: str) -> Training:
    training = Training(runs_of(setting, [seed]), small_data(), precision=precision)
    finish(training)
    return training


# In float32 a ReLU whose input is nearly zero can open in one form and stay shut in the other: a difference in the
# seventh digit then becomes one in the third a few steps on. So several epochs are compared in float64, where no such
# accident can hide a mistake, and one epoch in float32.
EXACT = {"precision": "float64", "lr": 0.05, "epochs": EPOCHS, "rtol": 1e-9, "atol": 1e-9}
ROUNDED = {"precision": "float32", "lr": 0.01, "epochs": 1, "rtol": 1e-4, "atol": 1e-6}


@pytest.mark.parametrize("level", [EXACT, ROUNDED], ids=["float64", "float32"])
@pytest.mark.parametrize("replicas", [3, 8])
@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_each_run_of_a_pack_is_a_lone_run_with_its_seed(block, batch_norm, replicas, level):
    setting = configuration(block, batch_norm, epochs=level["epochs"], lr=level["lr"])
    together = Training(runs_of(setting, SEEDS[:replicas]), small_data(), precision=level["precision"])
    finish(together)
    for run, seed in enumerate(SEEDS[:replicas]):
        alone = network_of(lone_run(setting, seed, level["precision"]), 0)
        assert_same_network(together, run, alone, rtol=level["rtol"], atol=level["atol"])


@pytest.mark.parametrize("level", [EXACT, ROUNDED], ids=["float64", "float32"])
@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_a_lone_run_is_the_obvious_loop(block, batch_norm, level):
    data, seed = small_data(), 4
    setting = configuration(block, batch_norm, epochs=level["epochs"], lr=level["lr"])
    ours = Training(runs_of(setting, [seed]), data, precision=level["precision"])
    results = [epoch[0] for epoch in finish(ours)]
    torch.manual_seed(seed)
    plain = PlainNetwork(setting).to(getattr(torch, level["precision"]))
    generator = order_generator(seed)
    orders = [torch.randperm(len(data.train_labels), generator=generator) for _ in range(setting.epochs)]
    history = train_plainly(plain, data, torch.optim.SGD(plain.parameters(), lr=setting.lr), orders)
    for result, expected in zip(results, history, strict=True):
        assert result.train_loss == pytest.approx(expected["loss"], rel=1e-5)
        assert result.train_accuracy == pytest.approx(expected["train"], abs=1e-4)
        assert result.test_accuracy == pytest.approx(expected["test"], abs=1e-4)
    assert_same_network(ours, 0, plain.state_dict(), rtol=level["rtol"], atol=level["atol"])


@pytest.mark.parametrize(("block", "batch_norm"), VARIANTS)
def test_a_diverging_run_leaves_its_neighbours_bit_identical(data, block, batch_norm):
    setting = configuration(block, batch_norm)
    wild = configuration(block, batch_norm, lr=1e30)
    calm = Training(runs_of(setting, [0, 1, 2]), data)
    disturbed = Training([*runs_of(setting, [0]), *runs_of(wild, [1]), *runs_of(setting, [2])], data)
    calm_epochs, epochs = finish(calm), finish(disturbed)
    last = epochs[-1]
    assert [result.diverged for result in last] == [False, True, False]
    assert math.isnan(last[1].train_loss)
    for run in (0, 2):
        assert same_bits(state_of(disturbed, run), state_of(calm, run))
        assert numbers([last[run]]) == numbers([calm_epochs[-1][run]])


def test_a_diverged_run_stays_marked_and_its_accuracy_is_reported_as_it_is(data):
    runs = [*runs_of(configuration(), [0]), *runs_of(configuration(lr=1e30), [1])]
    epochs = list(train(runs, data))
    assert [[result.diverged for result in epoch] for epoch in epochs] == [[False, True]] * EPOCHS
    assert all(0 <= epoch[1].test_accuracy <= 100 for epoch in epochs)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_resumed_run_continues_bit_for_bit(data, tmp_path, batch_norm):
    runs = runs_of(configuration(batch_norm=batch_norm, momentum=0.9, lr_schedule="cosine"), [0, 1])
    whole, part = Training(runs, data), Training(runs, data)
    expected = finish(whole)
    part.run_epoch()
    torch.save(part.state_dict(), tmp_path / "state.pt")
    states = run_states(torch.load(tmp_path / "state.pt", weights_only=True))
    assert states[1]["seconds"] == state_of(part, 1)["seconds"] > 0
    resumed = Training(runs, data, states=states)
    rest = finish(resumed)
    assert [epoch[0].epoch for epoch in rest] == [2, 3]
    for ours, theirs in zip(rest, expected[1:], strict=True):
        assert numbers(ours) == numbers(theirs)
    for run in range(2):
        assert same_bits(state_of(whole, run), state_of(resumed, run))


def test_a_run_leaves_when_it_has_its_epochs(data):
    short, long = configuration(epochs=1), configuration(epochs=3)
    training = Training([*runs_of(short, [0]), *runs_of(long, [1])], data)
    assert training.active == (0, 1)
    assert [[result.run for result in epoch] for epoch in finish(training)] == [[0, 1], [1], [1]]
    assert training.active == ()
    assert training.state_dict()["epoch"] == [1, 3]
    with pytest.raises(RuntimeError, match="every run of this training is finished or dropped"):
        training.run_epoch()


def test_a_run_that_has_all_its_epochs_already_is_not_trained(data):
    runs = runs_of(configuration(epochs=1), [0, 1])
    training = Training(runs[:1], data)
    training.run_epoch()
    later = Training(runs, data, states=[state_of(training, 0), None])
    assert later.active == (1,)
    assert Training(runs[:1], data, states=[state_of(training, 0)]).finished


def test_a_dropped_run_keeps_its_state(data):
    training = Training(runs_of(configuration(), [0, 1]), data)
    training.run_epoch()
    before = state_of(training, 0)
    training.drop([0])
    training.run_epoch()
    assert same_bits(state_of(training, 0), before)
    training.drop([0, 1])
    assert training.finished
    with pytest.raises(IndexError, match="no run 2 among 2"):
        training.drop([2])


def test_the_time_of_an_epoch_is_divided_among_the_runs_that_trained_in_it(data):
    short, long = configuration(epochs=1), configuration(epochs=2)
    first, second = finish(Training([*runs_of(short, [0]), *runs_of(long, [1])], data))
    assert first[0].seconds == first[1].seconds > 0
    assert second[0].seconds > first[1].seconds


def test_a_run_that_nobody_holds_is_gone_at_once(data):
    """With all its memory, and without the garbage collector: the next pack of the process needs it."""
    gc.collect()
    gc.disable()
    try:
        training = Training(runs_of(configuration(), [0, 1]), data)
        training.run_epoch()
        gone = [weakref.ref(training), weakref.ref(training.chunks[0])]
        del training
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def test_a_state_does_not_change_as_training_goes_on(data):
    training = Training(runs_of(configuration(momentum=0.9), [0]), data)
    training.run_epoch()
    whole, single = training.state_dict(), training.chunks[0].states()[0]
    kept = [tensor.clone() for state in (whole, single) for tensor in state["network"].values()]
    training.run_epoch()
    now = [tensor for state in (whole, single) for tensor in state["network"].values()]
    assert all(torch.equal(a, b) for a, b in zip(now, kept, strict=True))


def test_single_steps_do_not_move_the_state(data):
    training, plain = (Training(runs_of(configuration(), [0]), data) for _ in range(2))
    before = state_of(training, 0)
    training.begin_epoch()
    values = training.chunks[0].state_tensors[0].clone()
    training.step(64)
    assert not torch.equal(training.chunks[0].state_tensors[0], values)
    assert same_bits(state_of(training, 0), before)
    assert same_bits(state_of(plain, 0), before)


def test_results_count_steps_of_whole_and_partial_batches(data):
    (first, second) = next(train(runs_of(configuration(), [0, 1]), data))
    assert (first.run, second.run) == (0, 1)
    assert first.epoch == 1
    assert first.iterations == 3
    assert first.validation_accuracy is None


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
    for epoch in train(runs_of(configuration(), [0, 1]), data):
        assert all(result.validation_accuracy == result.test_accuracy for result in epoch)


def test_the_data_order_of_a_seed_does_not_depend_on_the_configuration(data):
    small, large = (
        Training(runs_of(configuration(num_blocks=0), [3]), data),
        Training(runs_of(configuration(num_blocks=4, batch_norm=True), [3]), data),
    )
    small.begin_epoch()
    large.begin_epoch()
    assert torch.equal(small.chunks[0].order, large.chunks[0].order)


def test_read_only_arrays_are_trained_on_without_a_copy_or_a_warning():
    data = tiny_data()
    for array in vars(data).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    finish(Training(runs_of(configuration(epochs=1), [0]), data))


def test_bf16_trains(data):
    runs = runs_of(configuration(), [0])
    rounded, exact = (list(train(runs, data, precision=each))[-1][0] for each in ("bf16", "float32"))
    assert rounded.train_loss != exact.train_loss
    assert rounded.train_loss == pytest.approx(exact.train_loss, rel=0.1)


def test_tf32_is_refused_on_a_cpu(data):
    with pytest.raises(ValueError, match="NVIDIA GPUs only"):
        Training(runs_of(configuration(), [0]), data, precision="tf32")


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_runs_must_be_distinct(data, seeds):
    with pytest.raises(ValueError, match="distinct"):
        Training(runs_of(configuration(), seeds), data)


@pytest.mark.parametrize("change", [{"num_blocks": 3}, {"batch_norm": True}, {"block": "conv"}, {"batch_size": 64}])
def test_runs_of_different_shapes_are_refused(data, change):
    with pytest.raises(ValueError, match=r"runs of different shapes cannot train side by side: .* and "):
        Training([*runs_of(configuration(), [0]), *runs_of(configuration(**change), [0])], data)


def test_one_state_a_run(data):
    with pytest.raises(ValueError, match="1 states for 2 runs"):
        Training(runs_of(configuration(), [0, 1]), data, states=[None])


def test_the_state_of_another_network_is_refused(data):
    state = state_of(Training(runs_of(configuration(num_blocks=1), [0]), data), 0)
    with pytest.raises(ValueError, match=r"the state given for Run\(.* is that of another network"):
        Training(runs_of(configuration(), [0]), data, states=[state])


def test_training_needs_nothing_but_torch_numpy_and_the_contract():
    """It must run on a machine with torch and little else."""
    code = """
import sys
class Blocked:
    names = {"ray", "pydantic", "ruamel", "pandas", "scipy", "sklearn", "rich", "pyarrow", "matplotlib", "optuna"}
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names or name.startswith("study.") and not name.startswith(
            ("study.contract", "study.training", "study.process")
        ):
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Blocked())
from types import SimpleNamespace
import numpy as np
from study.contract.axes import Configuration
from study.contract.runs import Run
from study.training.loop import Training, run_states
images, labels = np.zeros((20, 32, 32, 3), np.uint8), np.arange(20) % 2
data = SimpleNamespace(classes=("a", "b"), train_images=images, train_labels=labels, test_images=images,
    test_labels=labels, validation_images=images[:0], validation_labels=labels[:0])
training = Training([Run(Configuration(num_blocks=1, epochs=2), 0)], data)
while not training.finished:
    training.run_epoch()
print(run_states(training.state_dict())[0]["epoch"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr
