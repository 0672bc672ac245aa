"""The command line, for real: whole studies on the digits, run, resumed and refused."""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import ruamel.yaml

from study.contract.records import read_record
from tests.study.commands import SMALL, epoch_lines, run, write_space
from tests.study.tuning.events import read_events


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study with its process, in a folder of its own."""
    folder = tmp_path_factory.mktemp("finished")
    return run(write_space(folder)), folder / "results" / "small"


def test_a_study_ends_well_and_says_where_its_results_are(finished):
    process, results = finished
    assert process.returncode == 0, process.stderr
    assert "4 of 4 runs to train, 12 model-epochs in 2 packs, up to 2 at once" in process.stdout
    assert f"results: {results.relative_to(results.parents[1])}" in process.stdout
    assert process.stderr == ""


def test_the_records_hold_every_epoch_once(finished):
    _, results = finished
    for trial_id in ("0000", "0001"):
        rows = epoch_lines(results, trial_id)
        assert [row["epoch"] for row in rows] == [1, 2, 3]
        assert [row["iterations"] for row in rows] == [12, 24, 36]
        assert all(len(row["test_accuracy"]) == 2 for row in rows)
        assert rows[-1]["train_accuracy"][0] > rows[0]["train_accuracy"][0]


def test_the_curves_are_one_row_a_trial_seed_and_epoch(finished):
    _, results = finished
    curves = pd.read_parquet(results / "curves.parquet")
    assert {"trial_id", "stage", "seed", "epoch", "test_accuracy", "train_loss", "derived"} <= set(curves.columns)
    assert len(curves) == 2 * 2 * 3
    assert not curves.duplicated(["trial_id", "seed", "epoch"]).any()
    last = epoch_lines(results, "0001")[-1]
    row = curves.query("trial_id == '0001' and seed == 1 and epoch == 3").iloc[0]
    assert row["test_accuracy"] == last["test_accuracy"][1]
    assert row["train_loss"] == last["train_loss"][1]


def test_the_runs_are_all_completed(finished):
    _, results = finished
    runs = pd.read_parquet(results / "trials.parquet")
    assert list(runs["state"]) == ["completed"] * 4
    assert list(runs["epochs_done"]) == [3] * 4
    assert all((results / "trials" / name).is_dir() for name in runs["directory"])


def test_the_plan_says_what_was_asked_for(finished):
    _, results = finished
    lines = [json.loads(line) for line in (results / "plan.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["configuration", "runs"] * 2 + ["pack"] * 2
    assert {tuple(run) for line in lines[4:] for run in line["runs"]} == {
        *(("0000", 0), ("0000", 1)),
        *(("0001", 0), ("0001", 1)),
    }


def test_ray_tunes_own_directory_holds_checkpoints_and_its_tables(finished):
    _, results = finished
    for trial in (results / "trials" / "session-001").glob("p*"):
        assert (trial / "progress.csv").stat().st_size > 0
        assert (trial / "result.json").stat().st_size > 0
        assert len(list(trial.glob("checkpoint_*/state.pt"))) == 2


def test_tensorboard_shows_a_curve_for_each_run(finished):
    _, results = finished
    folders = sorted(path.relative_to(results / "tensorboard") for path in (results / "tensorboard").glob("*/*"))
    assert folders == [
        Path(f"{trial}/seed{seed}")
        for trial in ("0000_residual0_nobn_lr0.05", "0001_residual1_nobn_lr0.05")
        for seed in (0, 1)
    ]
    (file,) = (results / "tensorboard" / folders[3]).iterdir()
    events = read_events(file)
    scalars = [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    expected = [row["test_accuracy"][1] for row in epoch_lines(results, "0001")]
    assert [value for _, tag, value in scalars if tag == "accuracy/test"] == pytest.approx(expected)
    assert [step for step, tag, _ in scalars if tag == "loss/train"] == [1, 2, 3]


def test_the_study_is_written_with_every_default(finished):
    _, results = finished
    study = ruamel.yaml.YAML(typ="safe").load((results / "study.yaml").read_text())
    assert study["space"]["num_blocks"] == {"grid": [0, 1]}
    assert study["space"]["block"] == "residual"
    assert study["checkpoint"] == {"every": 1, "keep": 2}
    assert study["precision"] == "float32"


def test_the_provenance_names_versions_hardware_and_data(finished):
    _, results = finished
    content = json.loads((results / "provenance.json").read_text())
    assert content["data"]["name"] == "digits"
    assert content["data"]["train"] == 1437
    (session,) = content["sessions"]
    assert session["outcome"] == "completed"
    assert session["ended"] > session["started"]
    assert {"python", "torch", "ray"} <= session["versions"].keys()
    assert session["git"]["commit"] is None or len(session["git"]["commit"]) == 40
    assert session["hardware"]["nodes"][0]["cores"] == os.cpu_count()
    assert "study.run --space" in session["command"]


def test_the_figures_and_tables_are_there(finished):
    process, results = finished
    for name in ("figures/convergence.svg", "figures/convergence.png", "tables/summary.csv"):
        assert (results / "report" / name).stat().st_size > 0
    assert "few seeds" in process.stdout


def test_a_second_run_does_not_touch_the_first(finished):
    _, results = finished
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.name != ".lock"}
    space = write_space(results.parents[1])
    again = run(space)
    other = run(space, "--extend", "--set", "space.lr=0.1")
    more = run(space, "--resume", "--set", "seeds=3")
    assert (again.returncode, other.returncode) == (2, 2)
    assert "already holds this study; continue it with --resume" in again.stderr
    first = "0 residual blocks, no batch norm, lr 0.05, 3 epochs with seed"
    assert f"holds runs that these settings do not ask for: {first}s 0-1; 1 residual block, " in other.stderr
    assert more.returncode == 2
    assert f"does not hold: {first} 2; 1 residual block, " in more.stderr
    assert "give --extend instead of --resume" in more.stderr
    after = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.name != ".lock"}
    assert after == before


def test_a_finished_study_resumed_trains_nothing_and_draws_again(finished):
    _, results = finished
    before = (results / "records" / "0000.jsonl").read_bytes()
    (results / "curves.parquet").unlink()
    again = run(write_space(results.parents[1]), "--resume")
    assert again.returncode == 0, again.stderr
    assert "nothing to train, all 4 runs have ended" in again.stdout
    assert (results / "records" / "0000.jsonl").read_bytes() == before
    assert (results / "curves.parquet").exists()


def test_another_question_asked_of_a_finished_study_is_answered(tmp_path, finished):
    copy = tmp_path / "copy"
    shutil.copytree(finished[1], copy)
    settings = ["--set", "compare.meaningful_difference=60", "--set", "compare.baseline={num_blocks: 0}"]
    settings += ["--set", "track=[wandb]"]
    temporary = tmp_path / "t"
    temporary.mkdir()
    again = run(write_space(tmp_path), "--results", "copy", "--resume", *settings, TMPDIR=str(temporary))
    assert again.returncode == 0, again.stderr
    assert list(temporary.iterdir()) == list((copy / "wandb").glob("tmp*")) == []
    study = ruamel.yaml.YAML(typ="safe").load((copy / "study.yaml").read_text())
    assert study["compare"]["meaningful_difference"] == 60
    assert "60 points" in again.stdout
    assert "the question was changed when 4 runs had begun (baseline: none before, {num_blocks: 0} now" in " ".join(
        again.stdout.split()
    )
    assert len(list((copy / "wandb").glob("offline-run-*/run-*.wandb"))) == 4  # also what was trained before


def test_a_report_that_cannot_be_written_leaves_the_results_and_says_how_to_write_it(tmp_path, finished):
    copy = tmp_path / "copy"
    shutil.copytree(finished[1], copy, ignore=shutil.ignore_patterns("report", "curves.parquet"))
    (copy / "report").write_text("a file in its place")
    again = run(write_space(tmp_path), "--results", "copy", "--resume")
    assert again.returncode == 1, again.stdout + again.stderr
    assert "cannot write the report there" in again.stderr
    assert "python -m analysis copy" in again.stdout
    assert "results: copy" in again.stdout
    assert (copy / "curves.parquet").exists()


def test_a_lost_last_row_is_put_back_from_the_checkpoint(tmp_path, finished):
    _, results = finished
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    record = copy / "records" / "0001.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:-1]) + lines[-1][:-20])
    again = run(write_space(tmp_path), "--results", "copy", "--resume", "--no-report")
    assert again.returncode == 0, again.stderr
    assert "small on digits: nothing to train, all 4 runs have ended" in again.stdout
    assert [json.dumps(row) for row in epoch_lines(copy, "0001")] == [line.strip() for line in lines[1:]]


def test_a_dry_run_prints_every_configuration_and_starts_nothing(tmp_path):
    shown = run(write_space(tmp_path), "--dry-run", "--set", "seeds=[4, 7]")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[:2] == [
        "0000  0 residual blocks, no batch norm, lr 0.05, 3 epochs",
        "0001  1 residual block, no batch norm, lr 0.05, 3 epochs",
    ]
    assert lines[2] == "small: 2 configurations with 2 seeds (4, 7): 4 runs, 12 model-epochs"
    assert lines[3] == "measuring some training steps ..."
    assert re.fullmatch(
        r"on this machine about \S+ \S+ \(.+ to .+\), start and report included: 2 packs, up to \d at once, "
        r"\S+ to \S+ s a model-epoch; about \S+ MiB of disk",
        lines[4],
    )
    assert not (tmp_path / "results").exists()


def test_a_dry_run_without_images_says_so_once(tmp_path):
    shown = run(write_space(tmp_path), "--dry-run", "--data", "digit")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-2:] == [
        "how long it takes cannot be estimated: see what would stop the run",
        "this would stop the run: digit: no such folder; the data are auto, cifar10, digits or a folder's path "
        "(did you mean digits?)",
    ]


def test_a_dry_run_says_which_runs_need_no_training(tmp_path):
    shown = run(write_space(tmp_path), "--dry-run", "--data", "nowhere", "--set", "space.epochs={grid: [3, 5, 7]}")
    assert shown.stdout.splitlines()[6:8] == [
        "small: 6 configurations with 2 seeds (0-1): 12 runs, 28 model-epochs",
        "8 runs of these, the beginnings of longer ones, need no training",
    ]


def test_a_dry_run_of_a_study_that_was_begun_says_what_is_left(tmp_path, finished):
    shutil.copytree(finished[1], tmp_path / "copy", ignore=shutil.ignore_patterns("report"))
    asked = ["--results", "copy", "--dry-run", "--data", "nowhere"]
    space = write_space(tmp_path)
    resumed = run(space, *asked, "--resume")
    assert resumed.stdout.splitlines()[0] == "small: 4 of 4 runs there have ended; left: 0 runs, 0 model-epochs"
    extended = run(space, *asked, "--extend", "--set", "seeds=3")
    assert extended.stdout.splitlines()[:3] == [
        "0000  0 residual blocks, no batch norm, lr 0.05, 3 epochs, seed 2: 3 model-epochs left",
        "0001  1 residual block, no batch norm, lr 0.05, 3 epochs, seed 2: 3 model-epochs left",
        "small: 4 of 4 runs there have ended; left: 2 runs, 6 model-epochs",
    ]
    assert "this would stop the run: copy was begun on digits, and these settings ask for a folder (data: nowhere)" in (
        extended.stdout
    )


def test_a_study_does_not_go_on_with_data_of_another_kind(tmp_path, finished):
    shutil.copytree(finished[1], tmp_path / "copy", ignore=shutil.ignore_patterns("report"))
    space = write_space(tmp_path, SMALL.replace("data: digits\n", ""))
    advice = "give --data digits, or choose another folder with --results DIR\n"
    said = f"copy was begun on digits, and these settings ask for CIFAR-10 (data: auto): {advice}"
    refused = run(space, "--results", "copy", "--resume")
    assert (refused.returncode, refused.stderr) == (2, said)
    shown = run(space, "--results", "copy", "--extend", "--dry-run")
    assert f"this would stop the run: {said}" in shown.stdout


def test_a_dry_run_of_a_study_that_is_not_there_says_that_it_would_start(tmp_path):
    shown = run(write_space(tmp_path), "--resume", "--dry-run", "--data", "nowhere")
    assert "results/small holds nothing yet: the study would start anew\n" in shown.stdout
    shown = run(write_space(tmp_path), "--dry-run", "--data", "nowhere")
    assert "holds nothing yet" not in shown.stdout


def computed(results: Path, trial_id: str) -> dict[int, list[tuple[object, ...]]]:
    """What was computed of each seed, by its record."""
    record, problems = read_record(results / "records" / f"{trial_id}.jsonl")
    assert record is not None
    assert problems == []
    return {
        seed: [(e.epoch, e.iterations, e.train_loss, e.train_accuracy, e.test_accuracy) for e in epochs.values()]
        for seed, epochs in record.runs().items()
    }


@pytest.mark.slow
def test_an_extended_study_is_that_which_asked_for_everything_at_once(tmp_path, finished):
    """More seeds, values and epochs; nothing that is there is trained again."""
    copy = tmp_path / "extended"
    shutil.copytree(finished[1], copy, ignore=shutil.ignore_patterns("report"))
    before = (copy / "records" / "0000.jsonl").read_text()
    more = ["--set", "seeds=3", "--set", "space.epochs=5", "--set", "space.num_blocks={grid: [0, 1, 2]}", "--no-report"]
    space = write_space(tmp_path)
    extended = run(space, "--results", "extended", "--extend", *more)
    assert extended.returncode == 0, extended.stderr
    assert "9 of 13 runs to train, 33 model-epochs" in extended.stdout
    at_once = run(space, "--results", "once", *more)
    assert at_once.returncode == 0, at_once.stderr
    # 0000 and 0001 are the old configurations of 3 epochs; those of 5 epochs follow in the order of the new grid.
    for old, new in (("0002", "0000"), ("0003", "0001"), ("0004", "0002")):
        assert computed(copy, old) == computed(tmp_path / "once", new)
    assert (copy / "records" / "0000.jsonl").read_text() == before
    again = run(space, "--results", "extended", "--extend", *more)
    assert "nothing to train, all 13 runs have ended" in again.stdout
    runs = pd.read_parquet(copy / "trials.parquet")
    assert set(runs["state"]) == {"completed"}


def test_beginnings_are_those_that_training_them_gives(tmp_path, finished):
    derived = run(
        write_space(tmp_path), "--set", "space.epochs={grid: [3, 5]}", "--set", "space.num_blocks=1", "--no-report"
    )
    assert derived.returncode == 0, derived.stderr
    results = tmp_path / "results" / "small"
    assert computed(results, "0000") == computed(finished[1], "0001")
    runs = pd.read_parquet(results / "trials.parquet")
    assert runs["state"].tolist() == ["derived", "derived", "completed", "completed"]


def test_resume_starts_a_study_where_there_is_none(tmp_path):
    started = run(write_space(tmp_path), "--resume", "--no-report", "--set", "space.epochs=1")
    assert started.returncode == 0, started.stderr
    assert (tmp_path / "results" / "small" / "plan.jsonl").exists()
