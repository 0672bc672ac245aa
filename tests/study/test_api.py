"""A study from Python, for real."""

import doctest
import subprocess
import sys

import pytest

import study.api
from study.api import Study
from study.space import SpaceError
from tests.study.commands import ROOT, environment, write_space

SCRIPT = """\
from pathlib import Path

from study.api import Study
from study.networks import accuracy, images_of

study = Study.from_yaml("space.yaml", seeds=2, space={"epochs": 2, "num_blocks": 1, "batch_norm": True})
results = study.run("here", quiet=True)
data = images_of(Path("here"))
for seed in (0, 1):
    last = results.curves.query("seed == @seed and epoch == 2").iloc[0]
    found = accuracy(results.network({"num_blocks": 1}, seed), data)
    print("accuracy", seed, round((found - last["test_accuracy"]) * len(data.test_labels) / 100))
again = study.run("here", quiet=True, report=False)
print("again", again.trials["state"].tolist())
"""


@pytest.mark.slow
def test_a_study_is_run_and_its_networks_are_those_that_were_trained(tmp_path):
    write_space(tmp_path)
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    said = process.stdout.splitlines()
    assert sum(line.startswith("results: here (") for line in said) == 2
    assert said[-1] == "again ['completed', 'completed']"
    assert " completed: " not in process.stdout  # quiet
    accuracies = [line for line in said if line.startswith("accuracy ")]
    assert len(accuracies) == 2
    for seed, line in enumerate(accuracies):
        name, found, images = line.split()
        assert (name, int(found)) == ("accuracy", seed)
        assert abs(int(images)) <= 3  # the kernels sum in another order: a logit may tip over


def test_the_examples_in_its_documentation_are_true(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(study.api)
    assert (failed, tried) == (0, 3)


def test_changes_are_those_of_the_command_line(tmp_path):
    file = write_space(tmp_path)
    changed = Study.from_yaml(file, data="no", seeds=[3, 5], space={"lr": {"grid": [0.1, 0.2]}, "batch_norm": True})
    assert changed.settings["data"] == "no"
    assert changed.settings["seeds"] == (3, 5)
    assert changed.settings["space"]["num_blocks"] == {"grid": (0, 1)}
    assert changed.settings["space"]["lr"] == {"grid": (0.1, 0.2)}
    with pytest.raises(SpaceError, match="sedes"):
        Study.from_yaml(file, sedes=3)
