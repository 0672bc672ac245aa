"""Simulated results directories, written once a test session."""

from pathlib import Path

import pytest

from analysis import report
from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import Simulation, corners, depth, search, simulate

STUDIES = {
    "depth": depth(),
    "corners": corners(),
    "search": search(),
    "single": Simulation(),
    "one_seed": depth(seeds=(4,)),
    "validated": depth(validation=5000),
    "learning_rate": Simulation(
        name="learning_rate",
        space={"lr": {"grid": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]}},
        compare={"across": "lr", "baseline": {"lr": 0.01}},
        diverges=lambda c, seed: c["lr"] >= 1 or (c["lr"] >= 0.3 and seed % 2 == 0),
    ),
    "epochs": Simulation(
        name="epochs",
        space={"epochs": {"grid": [13, 25, 51]}},
        compare={"across": "epochs", "baseline": {"epochs": 25}},
    ),
    # Killed while trial 9 had not begun: trial 3 failed, trial 8 has 12 of its epochs.
    # What format 1 left: a row a trial, seconds of all its seeds together.
    "format_1": depth(format=1),
    "killed": depth(ended=False, stopped={8: 12, 9: 0}, failed={3: 7}),
}


@pytest.fixture(scope="session")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("results")
    return {name: simulate(root / name, study) for name, study in STUDIES.items()}


@pytest.fixture(scope="session")
def findings(directories: dict[str, Path]) -> dict[str, Findings]:
    return {name: find(read(path)) for name, path in directories.items()}


@pytest.fixture(autouse=True)
def no_figure_may_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a report a figure that raises is left out with the error; here it is a failure."""

    def raises(error: Exception) -> str:
        raise error

    monkeypatch.setattr(report, "failed", raises)
