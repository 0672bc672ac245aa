import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.cautions import cautions, edge_warning
from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import depth, search, simulate


def said(findings: Findings) -> str:
    return "\n".join(cautions(findings))


def test_a_whole_study_is_only_undecided(findings: dict[str, Findings]) -> None:
    lines = cautions(findings["depth"])
    assert len(lines) == 1
    assert "of 9 comparisons are undecided at 1 point" in lines[0]


def test_killed_study_names_what_is_missing(findings: dict[str, Findings]) -> None:
    text = said(findings["killed"])
    assert "still running, or its driver was killed" in text
    assert "trial 0003: failed: RuntimeError: CUDA out of memory" in text


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
    assert "mixed hardware: trained on (NVIDIA H200), cpu" in text
    assert "different software versions" in text
    assert "trained in bf16" in text
