import pytest

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data.sizes import Sizes
from study.forecast.estimate import BESIDE_OTHERS, EPOCH_OF_PACK, PACK, START_AND_END, estimate, of
from study.forecast.measuring import Measured, measure
from study.plan.packs import Pack
from study.plan.planned import PlannedRun
from study.training.loop import Training
from tests.helpers import tiny_data
from tests.study.lines import run_of


def measured(num_blocks: int, seconds: float) -> Measured:
    return Measured(Configuration(num_blocks=num_blocks), seconds, 2 * seconds, 1000)


def pack_of(number: int, *runs: PlannedRun) -> Pack:
    return Pack(f"p{number:04d}", runs)


def test_shapes_between_two_that_were_measured_lie_on_the_line_between_them():
    known = [measured(0, 1.0), measured(20, 5.0)]
    assert of(Configuration(num_blocks=10), known).fastest == pytest.approx(3)
    assert of(Configuration(num_blocks=10), known).median == pytest.approx(6)
    assert of(Configuration(num_blocks=0), known).fastest == pytest.approx(1)


def test_shapes_beyond_are_in_proportion_to_their_cost():
    assert of(Configuration(num_blocks=20), [measured(0, 1.0)]).fastest == pytest.approx(5)
    assert of(Configuration(num_blocks=0), [measured(20, 5.0)]).fastest == pytest.approx(1)


def test_packs_that_train_at_once_take_as_long_as_the_longest():
    runs = [run_of(0, seed, num_blocks=0, epochs=100) for seed in (0, 1, 2)]
    packs = [pack_of(0, *runs[:2]), pack_of(1, runs[2])]
    left = {run.key: 100 for run in runs}
    both = estimate(packs, left, [measured(0, 1.0)], slots=2, keep=2)
    assert both.seconds.low == pytest.approx(START_AND_END[0] + PACK[0] + 100 * EPOCH_OF_PACK[0] + 200)
    expected = START_AND_END[1] + PACK[1] + 100 * EPOCH_OF_PACK[1] + 400 * BESIDE_OTHERS
    assert both.seconds.high == pytest.approx(expected)
    assert both.busy.low == pytest.approx(2 * PACK[0] + 200 * EPOCH_OF_PACK[0] + 300)
    after = estimate(packs, left, [measured(0, 1.0)], slots=1, keep=2)
    assert after.seconds.low > both.seconds.low + 90
    assert after.seconds.high < both.seconds.low * 4


def test_what_stays_on_the_disk_grows_with_runs_epochs_and_checkpoints():
    run = run_of(0, 0, num_blocks=0, epochs=10)
    few = estimate([pack_of(0, run)], {run.key: 10}, [measured(0, 1.0)], slots=1, keep=1).disk
    more = estimate([pack_of(0, run)], {run.key: 10}, [measured(0, 1.0)], slots=1, keep=3).disk
    longer = estimate([pack_of(0, run)], {run.key: 20}, [measured(0, 1.0)], slots=1, keep=1).disk
    assert more - few == 2000
    assert longer > few


def test_a_shape_is_measured_by_training_it():
    configuration = Configuration(num_blocks=1, epochs=2)
    found = measure(configuration, 2, Sizes(300, 0, 70, 10), "float32", "cpu")
    assert 0 < found.fastest <= found.median
    training = Training([Run(configuration, 0)], tiny_data())
    parameters = sum(parameter.numel() for parameter in training.chunks[0].network.parameters())
    assert 4 * parameters < found.state_bytes < 4 * parameters + 40_000  # and the state of its random numbers
