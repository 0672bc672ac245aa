"""Ray Tune for real, on a Ray of this machine; GPUs are Ray's logical ones."""

import json
from pathlib import Path

import pytest
import ray
from ray import tune

from study.plan.trials import plan_of
from study.results.directory import ResultsDirectory
from study.space import Resources, load_study
from study.tuning.tuner import TuneError, concurrent_trials, connect, make_tuner, shortage, trial_resources
from tests.study.commands import write_space
from tests.study.tuning.probe import Probe

LAPTOP = [{"CPU": 2.0}]
CLUSTER = [{"CPU": 0.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 4.0}]


@pytest.mark.parametrize(
    ("asked", "nodes", "gpus"),
    [("auto", LAPTOP, 0), ("auto", CLUSTER, 1), (0, CLUSTER, 0), (0.5, CLUSTER, 0.5), (1, CLUSTER, 1)],
)
def test_gpus_of_a_trial(asked, nodes, gpus):
    assert trial_resources(Resources(cpus=1, gpus=asked), nodes) == {"CPU": 1.0, "GPU": gpus}


@pytest.mark.parametrize(
    ("cpus", "gpus", "nodes", "trials"),
    [
        (1, 0, LAPTOP, 2),
        (2, 0, LAPTOP, 1),
        (1, 1, CLUSTER, 5),
        (1, 0.5, CLUSTER, 10),
        (4, 0.5, CLUSTER, 4),
        (0.1, 0, [{"CPU": 1.0}], 10),
        (1, 0.1, [{"CPU": 16.0, "GPU": 1.0}], 10),
    ],
)
def test_how_many_trials_run_at_once(cpus, gpus, nodes, trials):
    assert concurrent_trials({"CPU": cpus, "GPU": gpus}, nodes) == trials


@pytest.mark.parametrize(("cpus", "gpus"), [(3, 0), (1, 1)])
def test_a_trial_that_fits_nowhere_is_told_so(cpus, gpus):
    problem = shortage({"CPU": cpus, "GPU": gpus}, LAPTOP)
    assert problem is not None
    assert "at most 2 CPUs and 0 GPUs" in problem
    assert "resources.cpus" in problem


def test_what_fits_only_in_two_machines_together_fits_nowhere():
    assert shortage({"CPU": 8, "GPU": 1}, [{"CPU": 8.0}, {"CPU": 1.0, "GPU": 4.0}])


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no Ray cluster could be joined"),
        ("127.0.0.1:99999", "no Ray cluster could be joined"),
        ("nowhere", "should be auto or HOST:PORT"),
        ("ray://127.0.0.1:10001", "should be auto or HOST:PORT"),
    ],
)
def test_no_cluster_at_the_address(address, words):
    with pytest.raises(TuneError, match=f"--address {address}: {words}"):
        connect(address)
    assert not ray.is_initialized()


def test_half_a_gpu_a_trial_runs_eight_trials_on_four_gpus(tmp_path, monkeypatch):
    grid = ", ".join(map(str, range(8)))
    study = load_study(
        write_space(tmp_path, f"name: gpus\nspace: {{num_blocks: {{grid: [{grid}]}}}}\nresources: {{gpus: 0.5}}\n")
    )
    seen_folder = tmp_path / "seen"
    seen_folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    ray.init(address="local", num_cpus=9, num_gpus=4, include_dashboard=False, log_to_driver=False)
    try:
        nodes = [node["Resources"] for node in ray.nodes()]
        resources = trial_resources(study.resources, nodes)
        assert concurrent_trials(resources, nodes) == 8
        trainable = tune.with_parameters(Probe, folder=str(seen_folder), together=8)
        results = ResultsDirectory(tmp_path / "results")
        outcome = make_tuner(plan_of(study), trainable, resources, study, results).fit()
    finally:
        ray.shutdown()
    assert outcome.num_errors == 0
    seen = [json.loads(file.read_text()) for file in seen_folder.iterdir()]
    assert len(seen) == 8
    given = sorted(each["gpus"][0] for each in seen)
    assert given == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert all(each["visible"] == each["gpus"][0] for each in seen)
