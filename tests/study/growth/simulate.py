"""A study that runs without training: packs are handed out and end, with accuracies of a function's choice."""

from collections.abc import Callable
from pathlib import Path

from study.contract.axes import Configuration
from study.growing import growth_of
from study.growth.budget import Spending
from study.growth.protocol import InTurn
from study.growth.supply import Supply
from study.plan.planned import planned_by
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import Study, load_study
from tests.study.commands import write_space
from tests.study.lines import line

Accuracy = Callable[[Configuration, int, int], float]  # of a configuration, a seed and an epoch


def a_search(folder: Path, search: str, rest: str = "", space: str = "") -> Study:
    """A search over learning rates and blocks, two seeds and three epochs each."""
    axes = space or "num_blocks: {choice: [1, 2, 3]}, lr: {loguniform: [0.001, 1.0]}"
    if "epochs" not in axes:
        axes += ", epochs: 3"
    text = f"name: a\nspace: {{{axes}}}\nseeds: 2\nvalidation: 10\nsearch: {{{search}}}\n{rest}\n"
    return load_study(write_space(folder, text))


def opened(study: Study, folder: Path) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, problems = open_ledger(results, stop_when_diverged=False)
    assert problems == []
    ledger.ask_for(planned_by(study))
    ledger.copy_beginnings()
    return ledger


def growth(study: Study, ledger: Ledger, folder: Path) -> InTurn:
    return growth_of(study, ledger, ResultsDirectory(folder))


def supplied(study: Study, ledger: Ledger, folder: Path, *, slots: int = 1) -> Supply:
    """Packs of all runs that are asked for together."""
    spending = Spending(study, ledger, 0)
    return Supply(
        ledger, growth(study, ledger, folder), lambda runs: [tuple(runs)], "session-001", slots, spending.used_up
    )


def run(study: Study, folder: Path, accuracy: Accuracy, *, slots: int = 1, most_epochs: int | None = None) -> Ledger:
    """One session: each pack trains to its end, one after another; cut off after so many reported epochs, if given."""
    ledger = opened(study, folder)
    supply = supplied(study, ledger, folder, slots=slots)
    supply.begin()
    reported = 0
    running = []
    while True:
        while len(running) < slots and (pack := supply.next()) is not None:
            ledger.start(pack, None)
            running.append(pack)
        if not running:
            assert supply.finished
            return ledger
        pack = running.pop(0)
        for epoch in range(1, 4):
            for run in pack.runs:
                if epoch > run.run.configuration.epochs or ledger.runs[run.key].holds(epoch):
                    continue
                value = accuracy(run.run.configuration, run.run.seed, epoch)
                ledger.record({run.trial_id: [line(epoch, (run.run.seed,), validation=value)]})
            reported += 1
            if reported == most_epochs:
                return ledger
        ledger.end(pack)
        supply.ended(pack)


def near_a_tenth(configuration: Configuration, seed: int, epoch: int) -> float:
    """Best at a learning rate of 0.1 and three blocks."""
    import math

    return 60 - 10 * abs(math.log10(configuration.lr) + 1) + configuration.num_blocks + epoch + seed / 10
