"""Curves in MLflow's own store and in W&B's own files, over sessions, failures and repairs."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from study.contract.axes import AXES, Configuration
from study.contract.records import EpochLine
from study.plan.packs import Pack
from study.results.paths import ResultsDirectory
from study.space import load_study
from study.tracking import mirror, trackers
from study.tracking.mirror import Mirror, Tracker
from study.tracking.trackers import mlflow_uri, trackers_of
from tests.study.commands import environment
from tests.study.lines import line
from tests.study.tracking.read import mlflow_runs, wandb_runs
from tests.study.two_seeds import opened

SPACE = "name: depth\nspace: {num_blocks: 3, lr: 0.1, momentum: 0.9, epochs: 3}\nseeds: 2\n"


# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory) -> Path:
    """MLflow's database as it makes it, which takes it seconds."""
    results = ResultsDirectory(tmp_path_factory.mktemp("store"))
    MlflowClient(mlflow_uri(results))
    return results.mlflow


@pytest.fixture
def folder(tmp_path, empty_store) -> Path:
    shutil.copy(empty_store, ResultsDirectory(tmp_path).mlflow)
    return tmp_path


def trackers_in(results: ResultsDirectory, *names: str) -> list[Tracker]:
    (results.path / "space.yaml").write_text(SPACE)
    study = load_study(results.path / "space.yaml", [f"track=[{', '.join(names)}]"])
    return trackers_of(study, results)


def session(folder: Path, tracker: str, *lines: EpochLine, warnings: list[str] | None = None) -> ResultsDirectory:
    """What a session does that trains these lines."""
    results, ledger = opened(folder)
    warn = pytest.fail if warnings is None else warnings.append
    with Mirror(trackers_in(results, tracker), ledger, results, warn):
        ledger.start(Pack("p0000", tuple(ledger.remaining())), None)
        ledger.record({"0000": list(lines)})
        ledger.interrupt()
    return results


def test_mlflow_has_one_curve_of_a_run_over_all_sessions(folder):
    session(folder, "mlflow", line(1, (0, 1), value=50.0))
    results = session(folder, "mlflow", line(2, (0, 1), value=60.0), line(3, (1,), value=70.0, diverged=True))
    first, second = mlflow_runs(results)
    assert first.name == "0000_residual3_nobn_lr0.1_momentum0.9/seed0"
    assert first.history["accuracy/test"] == [(1, 50.0), (2, 60.0)]
    assert first.history["loss/train"] == [(1, 1.0), (2, 1.0)]
    assert second.history["accuracy/test"] == [(1, 51.0), (2, 61.0), (3, 71.0)]
    assert second.history["loss/train"] == [(1, 1.0), (2, 1.0)]  # then it was not finite
    assert "accuracy/validation" not in first.history
    assert (first.status, second.status) == ("KILLED", "FINISHED")
    assert second.tags["diverged"] == "yes"


def test_mlflow_has_the_axes_under_their_own_names_and_groups_seeds(folder):
    first, second = mlflow_runs(session(folder, "mlflow", line(1, (0, 1))))
    assert first.params.keys() == {*AXES, "seed", "stage"}
    assert (first.params["lr"], first.params["num_blocks"], first.params["batch_norm"]) == ("0.1", "3", "False")
    assert (first.params["seed"], second.params["seed"]) == ("0", "1")
    assert first.tags["configuration"] == second.tags["configuration"] == "0000_residual3_nobn_lr0.1_momentum0.9"


def test_mlflow_is_given_what_it_lacks_and_nothing_twice(folder, empty_store):
    """A database that is gone, and an epoch that was lost in between."""
    results = session(folder, "mlflow", line(1, (0,), value=50.0))
    shutil.copy(empty_store, results.mlflow)
    session(folder, "mlflow", line(3, (0,), value=70.0))  # behind a gap
    session(folder, "mlflow", line(2, (0,), value=60.0))
    (run,) = mlflow_runs(results)
    assert sorted(run.history["accuracy/test"]) == [(1, 50.0), (2, 60.0), (3, 70.0)]
    assert run.status == "FINISHED"


def test_mlflow_is_told_while_runs_train(folder, monkeypatch):
    monkeypatch.setattr(mirror, "SECONDS_BETWEEN_LOOKS", 0.05)
    results, ledger = opened(folder)
    shown = threading.Event()
    (tracker,) = trackers_in(results, "mlflow")
    show = tracker.show
    monkeypatch.setattr(tracker, "show", lambda *each: (show(*each), shown.set()))
    with Mirror([tracker], ledger, results, pytest.fail):
        ledger.start(Pack("p0000", tuple(ledger.remaining())), None)
        ledger.record({"0000": [line(1, (0,), value=50.0)]})
        assert shown.wait(120)
        (run,) = mlflow_runs(results)
    assert run.status == "RUNNING"
    assert run.history["accuracy/test"] == [(1, 50.0)]


def test_a_store_that_cannot_be_had_stops_nothing(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/space.yaml/mlflow.db")
    warnings: list[str] = []
    session(folder, "mlflow", line(1, (0, 1)), warnings=warnings)
    (warning,) = warnings
    assert warning.startswith("warning: MLflow does not have all curves: ")
    assert warning.endswith("--resume hands over what is missing")
    _, ledger = opened(folder)
    assert ledger.runs["0000", 0].epochs_done == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert [run.history["accuracy/test"] for run in mlflow_runs(session(folder, "mlflow"))] == [
        [(1, 10.0)],
        [(1, 11.0)],
    ]


def test_wandb_has_a_folder_for_each_run_with_its_whole_history(tmp_path):
    pytest.importorskip("wandb")
    results = session(tmp_path, "wandb", line(1, (0, 1), value=50.0))
    assert [run.history for run in wandb_runs(results)] == [
        [(1, {"accuracy/test": 50.0, "accuracy/train": 50.0, "loss/train": 1.0})],
        [(1, {"accuracy/test": 51.0, "accuracy/train": 51.0, "loss/train": 1.0})],
    ]
    session(tmp_path, "wandb", line(2, (1,), value=60.0, diverged=True))
    first, second = wandb_runs(results)
    assert [step for step, _ in first.history] == [1]
    assert second.history[1:] == [(2, {"accuracy/test": 61.0, "accuracy/train": 61.0})]
    assert (first.group, second.group) == ("0000_residual3_nobn_lr0.1_momentum0.9",) * 2
    assert second.name == "0000_residual3_nobn_lr0.1_momentum0.9/seed1"
    assert second.config == {**Configuration(num_blocks=3, lr=0.1, momentum=0.9, epochs=3).as_dict()} | {
        "seed": 1,
        "stage": "explore",
    }


def test_what_is_not_installed_is_said_with_the_command(tmp_path, monkeypatch):
    (tmp_path / "space.yaml").write_text(SPACE)
    study = load_study(tmp_path / "space.yaml", ["track=[mlflow, wandb]"])
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)  # what Python takes for a module that is not there
    assert trackers.lacking(study) == (
        "track: mlflow and wandb cannot be imported; to install: pip install mlflow-skinny wandb"
    )
    assert trackers.lacking(load_study(tmp_path / "space.yaml")) is None


def test_wandb_leaves_no_temporary_folder_wherever_a_session_is_killed(tmp_path):
    pytest.importorskip("wandb")
    temporary = tmp_path / "t"
    temporary.mkdir()
    script = (
        "import os, pathlib, sys; from tests.study.lines import line; from tests.study.tracking import test_mirror; "
        "test_mirror.session(pathlib.Path(sys.argv[1]), 'wandb', line({}, (0,))); {}"
    )
    for epoch, end, left in ((1, "os._exit(0)", 1), (2, "", 0)):
        command = [sys.executable, "-c", script.format(epoch, end), str(tmp_path)]
        subprocess.run(command, env=environment(TMPDIR=str(temporary)), check=True, capture_output=True)
        assert list(temporary.iterdir()) == []
        assert len(list(tmp_path.glob("wandb/tmp*"))) == left
