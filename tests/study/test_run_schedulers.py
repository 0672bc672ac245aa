"""Schedulers and stop rules on a real Ray, through the command line."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import torch
from optuna.trial import TrialState

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import hold_out, load
from study.results.machine import available_cpus
from study.training.loop import Training, run_states
from tests.study.commands import epoch_lines, run, start, wait_for_epoch, write_space

pytestmark = pytest.mark.slow

# Validation accuracies of the two seeds after epoch 1, 2, 3, 4, in percent: at 0.1 39 30, 70 42, 76 86, 92 93;
# at 0.05 20 22, 40 28, 64 53, 83 88; at 1e-6 and 1e-7 6 3 always.
SPACE = """\
name: ends
data: digits
space:
  num_blocks: 0
  lr: {grid: [0.1, 1e-7, 0.05, 1e-6, 1e30]}
  epochs: 4
seeds: 2
validation: 100
resources: {cpus: 64, gpus: 0}
scheduler: SCHEDULER
"""


def study(folder: Path, scheduler: str) -> Path:
    # One trains at a time, on all CPUs, so every decision is a function of the seeds alone.
    cpus = available_cpus()
    return write_space(folder, SPACE.replace("SCHEDULER", scheduler).replace("cpus: 64", f"cpus: {cpus}"))


def table(results: Path) -> list[tuple[Any, ...]]:
    runs = pd.read_parquet(results / "trials.parquet")
    runs["reason"] = runs["reason"].fillna("")
    return list(runs[["lr", "seed", "state", "epochs_done", "reason"]].itertuples(index=False, name=None))


def curves(results: Path) -> Mapping[Any, float]:
    rows = pd.read_parquet(results / "curves.parquet")
    return rows.set_index(["trial_id", "seed", "epoch"])["validation_accuracy"].to_dict()


def events(results: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(text) for text in (results / "plan.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def by_rate(rows: list[tuple[Any, ...]]) -> dict[float, set[tuple[Any, ...]]]:
    found: dict[float, set[tuple[Any, ...]]] = {}
    for lr, _, *rest in rows:
        found.setdefault(lr, set()).add(tuple(rest))
    return found


def test_asha_ends_the_poor_and_a_killed_driver_changes_nothing(tmp_path):
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    space = study(folders[0], "{name: asha, grace_period: 1, reduction_factor: 2}")
    ran = run(space, "--results", "out")
    assert ran.returncode == 0, ran.stderr
    whole = folders[0] / "out"
    fates = by_rate(table(whole))
    assert fates[0.1] == {("completed", 4, "")}
    assert fates[0.05] == {("stopped", 2, "scheduler")}
    assert fates[1e-7] == fates[1e-6] == {("stopped", 1, "scheduler")}
    assert fates[1e30] == {("completed", 1, "")}  # its loss left the numbers
    stopped = [line for line in events(whole, "end") if line["reason"] == "scheduler"]
    assert {name for line in stopped for name, _ in line["runs"]} >= {"0001", "0003"}
    assert all(len({name for name, _ in line["runs"]}) == 1 for line in stopped)

    space = study(folders[1], "{name: asha, grace_period: 1, reduction_factor: 2}")
    killed = folders[1] / "out"
    for trial_id in ("0001", "0002"):
        with start(space, "--results", "out", "--resume") as process:
            wait_for_epoch(killed, 1, process, trial_id)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
    ran = run(space, "--results", "out", "--resume")
    assert ran.returncode == 0, ran.stderr
    assert table(killed) == table(whole)
    assert curves(killed) == curves(whole)


def test_the_median_rule_ends_the_poor_and_a_resumed_study_leaves_them(tmp_path):
    space = study(tmp_path, "{name: median, grace_period: 2, min_samples: 1}")
    ran = run(space, "--results", "out", "--set", "stop={target: 60}", "--set", "space.lr={grid: [0.1, 1e-7, 0.05]}")
    assert ran.returncode == 0, ran.stderr
    results = tmp_path / "out"
    rows = table(results)
    assert {row[2:] for row in rows if row[0] == 1e-7} == {("stopped", 2, "scheduler")}
    assert {(row[2], row[4]) for row in rows if row[0] == 0.1} == {("stopped", "target")}
    for (trial_id, seed), each in pd.read_parquet(results / "curves.parquet").groupby(["trial_id", "seed"]):
        assert (each["validation_accuracy"].iloc[:-1] < 60).all(), (trial_id, seed)
    lines = epoch_lines(results, "0001")
    again = run(
        space,
        "--results",
        "out",
        "--extend",
        "--set",
        "stop={target: 60}",
        "--set",
        "space.lr={grid: [0.1, 1e-7, 0.05, 0.02]}",
    )
    assert again.returncode == 0, again.stderr
    assert epoch_lines(results, "0001") == lines
    assert table(results)[: len(rows)] == rows
    assert {row[0] for row in table(results)} == {0.1, 1e-7, 0.05, 0.02}


SEARCH = """\
name: search
data: digits
space:
  num_blocks: 0
  lr: {loguniform: [1.0e-7, 0.2]}
  epochs: 4
seeds: 2
validation: 100
search: {algorithm: optuna, samples: 6, max_concurrent: 1}
scheduler: {name: asha, grace_period: 1, reduction_factor: 2}
"""


def test_a_search_knows_what_the_scheduler_ended(tmp_path):
    ran = run(write_space(tmp_path, SEARCH), "--results", "out", "--no-report")
    assert ran.returncode == 0, ran.stderr
    results = tmp_path / "out"
    rows = table(results)
    stopped = {row[0] for row in rows if row[4] == "scheduler"}
    assert 1 <= len(stopped) <= 5
    search = optuna.load_study(study_name="search", storage=f"sqlite:///{results / 'search.db'}")
    assert {trial.params["lr"] for trial in search.trials if trial.state == TrialState.PRUNED} == stopped
    assert len(search.trials) == 6
    assert all(trial.intermediate_values for trial in search.trials)


POPULATION = """\
name: population
data: digits
space:
  num_blocks: 0
  lr: {grid: [0.1, 1.0e-7, 0.05, 1.0e-6]}
  epochs: 5
seeds: 2
validation: 100
scheduler: {name: pbt, perturbation_interval: 2, resample_probability: 0}
"""


def test_a_population_exchanges_states_and_a_killed_driver_changes_nothing(tmp_path):
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
        write_space(folder, POPULATION)
    ran = run(folders[0] / "space.yaml", "--results", "out")
    assert ran.returncode == 0, ran.stderr
    whole = folders[0] / "out"
    assert {row[2:] for row in table(whole)} == {("completed", 5, "")}
    exchanges = events(whole, "exchange")
    assert [each["epoch"] for each in exchanges] == [2, 4]
    (move,) = exchanges[0]["moves"]
    assert (move["trial_id"], move["source"]) == ("0001", "0000")
    assert move["values"]["lr"] in (pytest.approx(0.08), pytest.approx(0.12))
    assert {seed: recorded(whole, "0001", seed) for seed in (0, 1)} == {
        seed: computed(seed, [(1e-7, 2, False), (0.1, 2, False), (move["values"]["lr"], 5, True)]) for seed in (0, 1)
    }

    assert "seeds 0-1 waiting for the others: 2 epochs" in ran.stdout
    assert "population based training: members went on from" in (whole / "report" / "report.html").read_text()

    killed = folders[1] / "out"
    for trial_id, epoch in (("0002", 1), ("0001", 3)):
        with start(folders[1] / "space.yaml", "--results", "out", "--resume") as process:
            wait_for_epoch(killed, epoch, process, trial_id)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
    lose_what_a_member_took_over(killed)
    ran = run(folders[1] / "space.yaml", "--results", "out", "--resume")
    assert ran.returncode == 0, ran.stderr
    assert "the checkpoint of 0000, seed 0, after epoch 2 is gone or damaged" in ran.stdout
    assert [each["moves"] for each in events(killed, "exchange")] == [each["moves"] for each in exchanges]
    assert curves(killed) == curves(whole)
    more = run(folders[1] / "space.yaml", "--results", "out", "--extend", "--set", "seeds=3")
    assert more.returncode == 2
    assert "takes no new members" in more.stderr


def lose_what_a_member_took_over(results: Path) -> None:
    """The states of 0000 until the first exchange, and whatever 0001 has trained from one of them since."""
    lines = [json.loads(text) for text in (results / "plan.jsonl").read_text().splitlines()]
    exchange = next(place for place, line in enumerate(lines) if line["event"] == "exchange")
    for place, line in enumerate(lines):
        if line["event"] == "pack" and line["runs"][0][0] == ("0000" if place < exchange else "0001"):
            for file in results.glob(f"trials/*/{line['pack']}_*/*/state.pt"):
                file.write_bytes(b"torn")


def recorded(results: Path, trial_id: str, seed: int) -> list[float]:
    rows = [row for row in epoch_lines(results, trial_id) if seed in row["seeds"]]
    return [row["validation_accuracy"][row["seeds"].index(seed)] for row in rows]


def computed(seed: int, parts: list[tuple[float, int, bool]]) -> list[float]:
    """Validation accuracies that a member must have had, from lone runs.

    Args:
        seed: of the run.
        parts: learning rate, the epoch to train to, and whether from the state of the part before; the first part's
            accuracies are the member's, those of its origin are not.
    """
    torch.set_num_threads(1)
    data = hold_out(load("digits", Path("unused")), 100)
    found: list[float] = []
    state = None
    for number, (lr, until, goes_on) in enumerate(parts):
        if not goes_on:
            state = None
        training = Training([Run(Configuration(num_blocks=0, lr=lr, epochs=5), seed)], data, states=[state])
        while not training.finished and training.state_dict()["epoch"][0] < until:
            (result,) = training.run_epoch()
            if number != 1:
                found.append(result.validation_accuracy or 0.0)
        state = run_states(training.state_dict())[0]
    return found
