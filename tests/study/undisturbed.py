"""A study long enough to be disturbed, and its numbers as nothing disturbs them."""

from pathlib import Path

import torch

from study.contract.axes import Configuration
from study.contract.records import read_record
from study.contract.runs import Run
from study.data.digits import load_digits
from study.training.loop import train
from tests.study.commands import SMALL

# Long enough for a test to see it running and kill it.
LONG = SMALL.replace("grid: [0, 1]", "grid: [6]").replace("epochs: 3", "epochs: 30")

Numbers = dict[int, list[tuple[object, ...]]]


def computed(results: Path, trial_id: str = "0000") -> Numbers:
    """What training computed of each seed, by its record."""
    record, _ = read_record(results / "records" / f"{trial_id}.jsonl")
    assert record is not None
    return {
        seed: [(e.epoch, e.iterations, e.train_loss, e.train_accuracy, e.test_accuracy) for e in epochs.values()]
        for seed, epochs in record.runs().items()
    }


def numbers_of_long(epochs: int = 30) -> Numbers:
    """What LONG, or LONG with other epochs, gives without Ray, without a process that is killed: the loop itself."""
    torch.set_num_threads(1)  # as a pack has: the last bit depends on it
    configuration = Configuration(num_blocks=6, lr=0.05, epochs=epochs)
    found: Numbers = {0: [], 1: []}
    for results in train([Run(configuration, seed) for seed in (0, 1)], load_digits()):
        for r in results:
            found[r.run].append((r.epoch, r.iterations, r.train_loss, r.train_accuracy, r.test_accuracy))
    return found
