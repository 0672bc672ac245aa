import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.cautions import cautions, edge_warning
from analysis.findings import Findings, find
from analysis.page import run_counts
from analysis.results import read
from tests.analysis.simulate import Simulation, corners, depth, search, simulate


def said(findings: Findings) -> str:
    return "\n".join(cautions(findings))


def test_a_whole_study_needs_no_warning(findings: dict[str, Findings]) -> None:
    assert cautions(findings["depth"]) == []


def test_seeds_that_were_added_without_a_plan_are_said_with_their_cost(tmp_path: Path) -> None:
    directory = simulate(tmp_path, depth(seeds=(0, 1, 2)))
    lines = [json.loads(line) for line in (directory / "plan.jsonl").read_text().splitlines()]
    asked = [line for line in lines if line["event"] == "runs"]
    first = [{**line, "seeds": line["seeds"][:2]} if line in asked else line for line in lines]
    later = [{**line, "seeds": line["seeds"][2:]} for line in asked]
    plan = [*first, {"event": "pack", "pack": "p0000", "runs": []}, *later]
    (directory / "plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in plan))
    text = said(find(read(directory)))
    assert "seeds were added once without having been planned" in text
    assert "in at most 7.5 % of such studies instead of 5 %" in text


def test_a_question_that_was_changed_after_results_is_said_until_it_is_the_declared_one_again(tmp_path: Path) -> None:
    directory = simulate(tmp_path, depth(compare={"meaningful_difference": 0.5, "measure": {"last": 5}}))
    declared = {"baseline": None, "meaningful_difference": 1.0, "measure": {"last": 5}, "questions": []}
    line = {"event": "question", "time": "t", "begun": 50, "before": declared}
    with (directory / "plan.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert "changed when 50 runs had begun (meaningful_difference: 1 before, 0.5 now)" in said(find(read(directory)))
    study = directory / "study.yaml"
    study.write_text(study.read_text().replace("meaningful_difference: 0.5", "meaningful_difference: 1.0"))
    assert "the question was changed" not in said(find(read(directory)))


def test_killed_study_names_what_is_missing(findings: dict[str, Findings]) -> None:
    text = said(findings["killed"])
    assert "still running, or its driver was killed" in text
    assert "5 runs of 3 blocks, batch norm (0003): failed: RuntimeError: CUDA out of memory" in text


def test_few_seeds(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, depth(seeds=(0, 1, 2)))))
    assert "few seeds: each configuration has 3 finished runs, so intervals are wide" in said(found)


def test_diverged_runs_are_counted(findings: dict[str, Findings]) -> None:
    assert "8 of 35 runs diverged (loss not finite), in 2 configurations" in said(findings["learning_rate"])


def test_search_without_validation_is_selected_on_test(tmp_path: Path) -> None:
    assert "selected on test" in said(find(read(simulate(tmp_path, search(6, validation=0)))))


def test_search_with_validation_is_not(findings: dict[str, Findings]) -> None:
    assert "selected on test" not in said(findings["search"])
    assert "90 of 120 runs were stopped early, by a scheduler or a stop rule" in said(findings["search"])


def test_best_at_the_edge(findings: dict[str, Findings]) -> None:
    assert "the best planned epochs is the largest tried (51)" in said(findings["epochs"])
    assert "the optimum may lie" not in said(findings["learning_rate"])


def edges(tmp_path: Path, axis: str, tops: dict[float, float], seed_sd: float = 0.2) -> str | None:
    study = Simulation(
        space={axis: {"grid": list(tops)}, "epochs": 60}, top=lambda c: tops[c[axis]], seeds=(0, 1, 2), seed_sd=seed_sd
    )
    return edge_warning(find(read(simulate(tmp_path, study))), axis)


def test_edge_needs_three_values(tmp_path: Path) -> None:
    assert edges(tmp_path / "two", "lr", {0.1: 60, 0.2: 50}) is None
    assert edges(tmp_path / "inside", "lr", {0.1: 50, 0.2: 60, 0.3: 50}) is None
    smallest = edges(tmp_path / "edge", "lr", {0.1: 60, 0.2: 50, 0.3: 40})
    assert smallest is not None
    assert "smallest tried (0.1)" in smallest


def test_edge_must_stand_out_and_be_none_of_the_axis_itself(tmp_path: Path) -> None:
    assert edges(tmp_path / "noise", "lr", {0.1: 60.1, 0.2: 60, 0.3: 60}, seed_sd=2.0) is None
    assert edges(tmp_path / "least", "num_blocks", {0: 60, 1: 50, 3: 40}) is None
    assert edges(tmp_path / "most", "num_blocks", {0: 40, 1: 50, 3: 60}) is not None


def test_conditions_whose_runs_are_equal_are_named(tmp_path: Path) -> None:
    """Batch norm changes nothing in a network without blocks."""
    directory = simulate(tmp_path, depth(seeds=(0, 1)))
    first, second = (directory / "records" / f"000{number}.jsonl" for number in (0, 1))
    lines = first.read_text().splitlines()
    second.write_text("\n".join([second.read_text().splitlines()[0], *lines[1:]]))
    text = said(find(read(directory)))
    assert "the runs of '1 block, no batch norm' and '1 block, batch norm' are equal in every epoch" in text


def test_diverged_runs_that_were_stopped_are_in_the_means(tmp_path: Path) -> None:
    study = Simulation(space={"lr": {"grid": [0.01, 1.0]}}, on_divergence="stop", diverges=lambda c, seed: c["lr"] >= 1)
    found = find(read(simulate(tmp_path, study)))
    assert found.results.runs["state"].unique().tolist() == ["completed"]
    assert found.runs["test_accuracy"].notna().all()
    assert "5 of 10 runs diverged" in said(found)


def test_mixed_hardware_versions_and_precision(directories: dict[str, Path], tmp_path: Path) -> None:
    directory = Path(shutil.copytree(directories["single"], tmp_path / "copy"))
    provenance = json.loads((directory / "provenance.json").read_text())
    first = provenance["sessions"][0]
    provenance["sessions"].append({**first, "versions": {**first["versions"], "torch": "2.16"}})
    provenance["precision"] = "bf16"
    (directory / "provenance.json").write_text(json.dumps(provenance))
    record = directory / "records" / "0000.jsonl"
    lines = record.read_text().splitlines()
    lines[-1] = lines[-1].replace("cuda:0 (NVIDIA H200)", "cpu")
    record.write_text("\n".join(lines))
    text = said(find(read(directory)))
    assert "mixed hardware: trained on CPU, NVIDIA H200; seconds do not compare" in text
    assert "different software versions" in text
    assert "trained in bf16" in text


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (("cpu (kernels)",), ""),
        (("cuda:0 (NVIDIA H200)", "cuda:1 (NVIDIA H200)", "cuda:0,1 (NVIDIA H200)"), ""),
        (("cpu (PyTorch)", "cpu (kernels)"), "mixed computation: trained on CPU (PyTorch) and CPU (kernels);"),
        (("cpu (kernels)", "cuda:0 (NVIDIA H200)"), "mixed hardware: trained on CPU (kernels), NVIDIA H200;"),
        (("cuda:0 (NVIDIA H100)", "cuda:0 (NVIDIA H200)"), "mixed hardware: trained on NVIDIA H100, NVIDIA H200;"),
    ],
)
def test_devices_are_named_by_their_model(tmp_path: Path, devices: tuple[str, ...], expected: str) -> None:
    text = said(find(read(simulate(tmp_path, depth(devices=devices, seeds=(0,))))))
    assert expected in text
    assert ("mixed" in text) == bool(expected)


def test_a_machine_that_does_not_name_its_cpu_is_not_mixed(directories: dict[str, Path], tmp_path: Path) -> None:
    directory = Path(shutil.copytree(directories["single"], tmp_path / "copy"))
    provenance = json.loads((directory / "provenance.json").read_text())
    first = provenance["sessions"][0]
    provenance["sessions"].append({**first, "hardware": {"nodes": [{"host": "node1"}]}})
    (directory / "provenance.json").write_text(json.dumps(provenance))
    assert "mixed hardware" not in said(find(read(directory)))


@pytest.mark.parametrize("state", ["planned", "interrupted"])
def test_a_run_without_an_epoch_has_not_begun(tmp_path: Path, state: str) -> None:
    directory = simulate(tmp_path, depth(seeds=(0,), stopped={9: 0}))
    table = pd.read_parquet(directory / "trials.parquet")
    table.loc[9, "state"] = state
    table.to_parquet(directory / "trials.parquet")
    found = find(read(directory))
    assert "1 run of 20 blocks, batch norm (0009): not begun" in said(found)
    assert run_counts(found) == "10 runs of 10 configurations: 9 completed, 1 not begun."


def test_one_condition_with_one_run_is_not_a_study_of_one_seed(tmp_path: Path) -> None:
    directory = simulate(tmp_path, corners())
    record = directory / "records" / "0002.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        for key in ("seeds", "train_loss", "train_accuracy", "test_accuracy", "diverged"):
            if key in line:
                line[key] = line[key][:1]
            if "seconds" in line:
                line["seconds"] = line["seconds"][:1]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = said(find(read(directory)))
    assert "some configurations have 1 finished run, and no interval" in text


def test_intervals_beyond_what_is_possible_are_counted(findings: dict[str, Findings], tmp_path: Path) -> None:
    text = said(find(read(simulate(tmp_path, corners(seeds=(0, 1), seed_sd=30.0)))))
    assert "of 4 intervals of a mean test accuracy reach beyond 0 to 100 %" in text
    assert "of a difference reach beyond ±100 points (marked * where they are shown)" in text
    assert "beyond" not in said(findings["depth"])
