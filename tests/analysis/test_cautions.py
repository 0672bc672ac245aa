import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.cautions import cautions, edge_warning
from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import corners, depth, search, simulate


def said(findings: Findings) -> str:
    return "\n".join(cautions(findings))


def test_a_whole_study_is_only_undecided(findings: dict[str, Findings]) -> None:
    lines = cautions(findings["depth"])
    assert len(lines) == 1
    assert "of 9 declared and baseline comparisons are undecided at 1 point" in lines[0]


def test_killed_study_names_what_is_missing(findings: dict[str, Findings]) -> None:
    text = said(findings["killed"])
    assert "still running, or its driver was killed" in text
    assert "trial 0003: failed: RuntimeError: CUDA out of memory" in text
    assert "3 of 9 comparisons have no finished run on one side yet" in text


@pytest.mark.parametrize(
    ("seeds", "expected"), [((4,), "one seed: nothing"), ((0, 1, 2), "few seeds: some conditions have 3")]
)
def test_few_seeds(tmp_path: Path, seeds: tuple[int, ...], expected: str) -> None:
    assert expected in said(find(read(simulate(tmp_path, depth(seeds=seeds)))))


def test_diverged_runs_are_counted(findings: dict[str, Findings]) -> None:
    assert "8 of 35 runs diverged (loss not finite), in 2 conditions" in said(findings["learning_rate"])


def test_search_without_validation_is_selected_on_test(tmp_path: Path) -> None:
    assert "selected on test" in said(find(read(simulate(tmp_path, search(6, validation=0)))))


def test_search_with_validation_is_not(findings: dict[str, Findings]) -> None:
    assert "selected on test" not in said(findings["search"])
    assert "30 of 40 trials were stopped early by the scheduler" in said(findings["search"])


def test_best_at_the_edge(findings: dict[str, Findings]) -> None:
    assert "the best planned epochs is the largest tried (51)" in said(findings["epochs"])
    assert "the optimum may lie" not in said(findings["learning_rate"])


def test_edge_needs_three_values() -> None:
    assert edge_warning(pd.Series([1.0, 2.0], index=[1, 2]), "lr") is None
    assert edge_warning(pd.Series([1.0, 3.0, 2.0], index=[1, 2, 3]), "lr") is None
    smallest = edge_warning(pd.Series([3.0, 1.0, 2.0], index=[0.1, 0.2, 0.3]), "lr")
    assert smallest is not None
    assert "smallest tried (0.1)" in smallest


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


@pytest.mark.parametrize(("ended", "expected"), [(False, "not started yet"), (True, "did not start")])
def test_a_trial_that_has_not_begun(tmp_path: Path, ended: bool, expected: str) -> None:
    directory = simulate(tmp_path, depth(seeds=(0,), stopped={9: 0}, ended=ended))
    table = pd.read_parquet(directory / "trials.parquet")
    table.loc[9, "status"] = "not_started"
    table.to_parquet(directory / "trials.parquet")
    assert f"trial 0009: {expected}" in said(find(read(directory)))


def test_one_condition_with_one_run_is_not_a_study_of_one_seed(tmp_path: Path) -> None:
    directory = simulate(tmp_path, corners())
    record = directory / "records" / "0002.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        for key in ("seeds", "train_loss", "train_accuracy", "test_accuracy", "diverged"):
            if key in line:
                line[key] = line[key][:1]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = said(find(read(directory)))
    assert "some conditions have 1 finished run, and no interval" in text
    assert "nothing can be said" not in text


def test_intervals_beyond_what_is_possible_are_counted(findings: dict[str, Findings], tmp_path: Path) -> None:
    text = said(find(read(simulate(tmp_path, corners(seeds=(0, 1), seed_sd=30.0)))))
    assert "of 4 intervals of a mean test accuracy reach beyond 0 to 100 %" in text
    assert "intervals of a difference reach beyond ±100 points (marked * where they are shown)" in text
    assert "beyond" not in said(findings["depth"])
