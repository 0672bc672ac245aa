import io

import pytest
from rich.console import Console

from study.contract.axes import Configuration
from study.progress import ProgressDisplay, counted, describe
from study.results.directory import TrialStatus

CONFIGURATION = Configuration(block="conv", num_blocks=1, batch_norm=True, lr=1e-3, epochs=3)
METRICS = {"epoch": 1, "train_accuracy": 51.234, "test_accuracy": 48.5, "seconds": 12.3}


@pytest.mark.parametrize(
    ("number", "thing", "said"),
    [
        (1, "trial", "1 trial"),
        (0, "trial", "0 trials"),
        (1_275_000, "run", "1275000 runs"),
        (1.0, "CPU", "1 CPU"),
        (0.5, "GPU", "0.5 GPUs"),
    ],
)
def test_so_many_of_a_thing(number, thing, said):
    assert counted(number, thing) == said


def play(console: Console, *, failed: bool = False) -> ProgressDisplay:
    """A trial that trains an epoch, is started again, trains it once more and ends."""
    trial = TrialStatus("0000", CONFIGURATION, (0, 1))
    earlier = TrialStatus("0001", CONFIGURATION, (0, 1), epochs_done=2)
    with ProgressDisplay(console, {each.trial_id: each for each in (trial, earlier)}) as display:
        display.started(trial)
        display.epoch(trial, METRICS)
        display.started(trial)
        display.epoch(trial, METRICS)
        display.epoch(trial, METRICS | {"epoch": 2})
        trial.status, trial.epochs_done = "completed", 2
        if failed:
            trial.status, trial.error = "failed", "Traceback ...\nValueError: [bold] too much"
        display.ended(trial, METRICS)
    return display


def test_a_log_file_gets_plain_lines():
    out = io.StringIO()
    play(Console(file=out, width=40))
    assert out.getvalue() == (
        "trial 0000 (1 conv block, batch norm, lr 0.001, 3 epochs) completed: "
        "2 epochs, train 51.23 %, test 48.50 %, 12 s\n"
    )


def test_a_terminal_gets_a_bar_that_counts_an_epoch_once():
    out = io.StringIO()
    play(Console(file=out, width=100, force_terminal=True, color_system=None))
    assert "4/6" in out.getvalue()
    assert "running: none" in out.getvalue()


def test_a_failed_trial_gives_its_reason_as_it_is():
    out = io.StringIO()
    play(Console(file=out), failed=True)
    assert out.getvalue().endswith("failed: ValueError: [bold] too much\n")


@pytest.mark.parametrize(
    ("blocks", "words"), [(0, "0 conv blocks"), (1, "1 conv block,"), (10, "10 conv blocks, batch norm, lr 0.001")]
)
def test_a_configuration_in_words(blocks, words):
    assert words in describe(Configuration("conv", blocks, True, 1e-3, 3))
