"""A results directory that holds the plan of one configuration with two seeds."""

from pathlib import Path

from study.contract.axes import Configuration
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory


def opened(folder: Path) -> tuple[ResultsDirectory, Ledger]:
    """The directory, and the ledger that has asked for the runs."""
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for([Planned(Configuration(num_blocks=3, lr=0.1, momentum=0.9, epochs=3), (0, 1))])
    return results, ledger
