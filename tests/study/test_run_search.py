"""Searches on the digits, for real: suggested, trained, confirmed, killed and gone on with."""

import json
import random
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from study.contract.axes import Configuration
from study.contract.records import read_record
from tests.study.commands import ROOT, epoch_lines, run, start, write_space

SEARCH = """\
name: small
question: Which learning rate is best?
data: digits
space:
  num_blocks: {choice: [0, 1]}
  lr: {loguniform: [0.01, 0.2]}
  epochs: 2
seeds: 2
validation: 200
search: {algorithm: optuna, samples: 4, max_concurrent: 1}
confirm: {top: 1, seeds: 2}
compare: {baseline: {num_blocks: 1, lr: 0.01}}
"""
Row = tuple[int, int, int, float | None, float | None, float]
Numbers = dict[str, tuple[Configuration, str, list[Row]]]


def computed(results: Path) -> Numbers:
    """What each record says: configuration, stage, and what training computed of each seed and epoch."""
    found: Numbers = {}
    for file in sorted((results / "records").glob("*.jsonl")):
        record, _ = read_record(file)
        assert record is not None
        rows = [
            (e.seed, e.epoch, e.iterations, e.train_loss, e.validation_accuracy, e.test_accuracy)
            for epochs in record.runs().values()
            for e in epochs.values()
        ]
        found[file.stem] = (record.configuration, record.stage, rows)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A search that ran undisturbed, with its process."""
    folder = tmp_path_factory.mktemp("finished")
    return run(write_space(folder, SEARCH), "--no-report"), folder / "results" / "small"


def test_a_search_trains_what_it_suggests_then_the_best_one_and_the_baseline(finished):
    process, results = finished
    assert process.returncode == 0, process.stdout + process.stderr
    assert "a search of 4 configurations with 2 seeds each, then the best one again" in process.stdout
    found = computed(results)
    assert [stage for _, stage, _ in found.values()] == ["explore"] * 4 + ["confirm"] * 2
    explored = {name: rows for name, (_, stage, rows) in found.items() if stage == "explore"}
    value = {name: sum(row[4] or 0 for row in rows if row[1] == 2) / 2 for name, rows in explored.items()}
    best = max(value, key=lambda name: value[name])
    assert found["0004"][0] == found[best][0]
    assert (found["0005"][0].num_blocks, found["0005"][0].lr) == (1, 0.01)
    # The 200 images that were held out are trained on again, and nothing is held out of them.
    assert {row[2] for row in found["0004"][2]} == {12, 24}
    assert {row[2] for row in found[best][2]} == {10, 20}
    assert {(row[0], row[4]) for row in found["0004"][2]} == {(10_000, None), (10_001, None)}


def test_its_copy_for_the_dashboard_holds_every_configuration(finished):
    _, results = finished
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{results / 'search.db'}")
    stored = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{results / 'search.db'}")
    assert [trial.state for trial in stored.trials] == [TrialState.COMPLETE] * 4
    for trial in stored.trials:
        last = [row for row in computed(results)[trial.user_attrs["trial_id"]][2] if row[1] == 2]
        assert trial.value == pytest.approx(sum(row[4] or 0 for row in last) / 2)
        assert trial.user_attrs["seed 0"] == last[0][4]


@pytest.mark.slow
def test_a_longer_search_goes_on_from_what_it_has_and_another_one_is_refused(finished):
    _, results = finished
    space = results.parents[1] / "space.yaml"
    other = run(space, "--resume", "--set", "search.seed=1")
    assert other.returncode == 2
    assert "holds another search (search.seed is 1, there 0)" in other.stderr
    refused = run(space, "--resume", "--set", "search.samples=6")
    assert refused.returncode == 2
    assert "search.samples is 6" in refused.stderr
    assert "--extend" in refused.stderr
    before = computed(results)
    longer = run(space, "--extend", "--set", "search.samples=5", "--no-report")
    assert longer.returncode == 0, longer.stdout + longer.stderr
    after = computed(results)
    assert {name: after[name] for name in before} == before
    assert sum(stage == "explore" for _, stage, _ in after.values()) == 5
    again = run(space, "--resume", "--set", "search.samples=5", "--no-report")
    assert (again.returncode, "nothing to train" in again.stdout) == (0, True), again.stdout + again.stderr


@pytest.mark.slow
def test_a_search_ends_with_its_budget_and_goes_on_with_a_larger_one(tmp_path):
    space = write_space(tmp_path, SEARCH.replace("samples: 4", "samples: 3"))
    first = run(space, "--no-report", "--set", "budget.model_epochs=5")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "the budget is used up: 8 of 5 model-epochs" in first.stdout
    assert len(computed(tmp_path / "results" / "small")) == 2
    second = run(space, "--no-report", "--resume", "--set", "budget.model_epochs=500")
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(computed(tmp_path / "results" / "small")) == 5


@pytest.mark.slow
def test_a_search_that_is_killed_five_times_decides_as_if_it_had_not_been(finished, tmp_path):
    """At moments drawn anew in each run of this test; the seed is printed where it fails."""
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    space, results = write_space(tmp_path, SEARCH), tmp_path / "results" / "small"
    whole = {name: rows for name, rows in computed(finished[1]).items() if name <= "0005"}
    for _ in range(5):
        with start(space, "--no-report", "--resume") as process:
            lines = len(all_lines(results)) + rng.randrange(4)
            deadline = time.monotonic() + 120
            while len(all_lines(results)) < lines and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(rng.random())
            process.kill()
    last = run(space, "--no-report", "--resume")
    assert last.returncode == 0, (seed, last.stdout + last.stderr)
    assert computed(results) == whole, seed
    asked = [json.loads(text) for text in (results / "plan.jsonl").read_text().splitlines()]
    named = [line["trial_id"] for line in asked if line["event"] == "configuration"]
    assert len(named) == len(set(named)) == 6, seed


def all_lines(results: Path) -> list[object]:
    return [row for file in (results / "records").glob("*.jsonl") for row in epoch_lines(results, file.stem)]


SHORT_SEARCH = ["validation=200", "search.samples=6", "seeds=2", "space.epochs=3", "scheduler.grace_period=1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("joint", [*SHORT_SEARCH, "confirm={top: 1, seeds: 2}"], "Selected with"),
        ("learning_rate", ["space.epochs=2", "seeds=2", "space.num_blocks=2"], "Against no batch norm, lr 0.01"),
    ],
)
def test_the_space_files_that_tune_run_to_the_end_on_digits(tmp_path, name, settings, said):
    space = write_space(tmp_path, (ROOT / "search_spaces" / f"{name}.yaml").read_text())
    done = run(space, "--data", "digits", *(part for each in settings for part in ("--set", each)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())
    page = (tmp_path / "results" / name / "report" / "report.html").read_text()
    assert ("Selected and confirmed" in page) == (name == "joint")


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["gp", "cmaes", "qmc", "random"])
def test_every_sampler_runs_a_search(tmp_path, sampler):
    axes = "space={num_blocks: 0, lr: {loguniform: [0.01, 0.2]}, momentum: {uniform: [0.0, 0.5]}, epochs: 1}"
    settings = [axes, f"search.sampler={sampler}", "search.samples=3", "seeds=1", "confirm=null", "compare={}"]
    done = run(write_space(tmp_path, SEARCH), "--no-report", *(part for each in settings for part in ("--set", each)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    found = computed(tmp_path / "results" / "small")
    assert len({configuration for configuration, _, _ in found.values()}) == 3
