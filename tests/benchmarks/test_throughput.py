"""The benchmark on a few images: what its table and file hold, never how long anything takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import stopwatch, throughput, throughput_cases
from benchmarks.cases import PARTS, Case, Network, table_of
from benchmarks.processes import CaseError, Measurement, measure
from benchmarks.shared_images import cut, lay_out, open_images, sizes
from benchmarks.tables import Row, throughput_table
from benchmarks.throughput_cases import Images
from study.data import DataError
from tests.helpers import tiny_data

ROOT = Path(__file__).parents[2]
NETWORK = Network(num_blocks=1, batch_norm=False, device="cpu", precision="float32")


def test_the_command_prints_a_table_and_writes_every_repetition(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(throughput_cases, "table_of", lambda *arguments: table_of(*arguments)[1:2])
    file = tmp_path / "new" / "out.json"
    assert throughput.main(["--share", "0", "--repetitions", "1", "--blocks", "1", "--out", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "measured on 5 of 391 steps (640 images)" in printed
    assert "| a lone run |" in printed
    content = json.loads(file.read_text())
    assert {"date", "machine", "versions", "git", "settings", "images", "rows", "passes"} <= set(content)
    assert content["images"]["train"] == 640
    (row,) = content["rows"]
    assert len(row["rates"]) == 1
    assert row["problem"] is None
    assert row["parts_pass"]["memory_mib"] is None or row["parts_pass"]["memory_mib"] > 0
    assert sum(row["shares"].values()) == pytest.approx(1)
    assert [each["task"] for each in content["passes"]] == ["parts", "time"]


def test_a_gpu_that_is_not_there_is_bad_input(monkeypatch, capsys):
    monkeypatch.setattr(throughput.torch.cuda, "is_available", lambda: False)
    assert throughput.main(["--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_the_notebooks_loop_gives_its_parts_scaled_to_a_model_epoch(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # two test processes share two cores
    lay_out(cut(tiny_data(640, 128), 0), tmp_path)
    found = measure(Case("the notebook's loop", "notebook", threads=0, num_blocks=1), tmp_path, PARTS)
    assert found.parts is not None
    assert set(found.parts) == set(stopwatch.PARTS)
    assert found.rate == pytest.approx(1 / sum(found.parts.values()))
    assert min(found.parts["forward"], found.parts["backward"], found.parts["accuracy"]) > 0


def test_a_core_each_on_a_cpu_and_one_process_on_a_gpu():
    kinds = [(case.kind, case.replicas, case.processes, case.kernels) for case in table_of(NETWORK, 2, [1, 5], (3, 2))]
    assert kinds == [
        ("notebook", 1, 1, True),
        ("study", 1, 1, True),
        ("study", 1, 2, True),
        ("study", 5, 2, True),
        ("study", 3, 2, False),
        ("tune", 3, 2, True),
    ]
    on_gpu = table_of(Network(10, False, "cuda", "tf32"), 16, [5], (3, 2))
    assert [(case.kind, case.processes) for case in on_gpu] == [
        ("notebook", 1),
        ("study", 1),
        ("study", 1),
        ("tune", 1),
    ]
    assert all(Case.from_json(case.to_json()) == case for case in on_gpu)


def test_a_case_that_fails_says_why_and_the_others_go_on(monkeypatch):
    def fake_measure(case: Case, *_: object) -> Measurement:
        if case.replicas == 5:
            raise CaseError("no room")
        return Measurement(2.0, "kernels")

    monkeypatch.setattr(throughput_cases, "measure", fake_measure)
    images = Images(Path("nowhere"), 1.0, None)
    table, values, complete = throughput_cases.run(NETWORK, images, 2, [5], (1, 1), skip=["tune"])
    assert not complete
    assert "not measured: no room" in table
    assert [row["rates"] for row in values["rows"] if row["problem"]] == [[None, None]]
    assert all(row["rates"] == [2, 2] for row in values["rows"] if not row["problem"])


def test_a_package_that_is_missing_leaves_its_cases_out(monkeypatch):
    monkeypatch.setattr(throughput_cases.importlib.util, "find_spec", lambda name: None if name == "ray" else name)
    monkeypatch.setattr(throughput_cases, "measure", lambda *_: Measurement(1.0, "PyTorch"))
    table, _, complete = throughput_cases.run(NETWORK, Images(Path("nowhere"), 1.0, None), 1, [], (1, 1), skip=[])
    assert complete
    assert "not measured: ray is not installed" in table


def test_ratios_pair_the_passes_of_one_repetition():
    notebook, ours = Row("notebook", rates=[1.0, None, 4.0]), Row("ours", rates=[3.0, 5.0, 8.0])
    assert ours.ratios(notebook) == [3, 2]
    assert "2.50 (2.00-3.00)" in throughput_table([notebook, ours], notebook)


def test_training_needs_neither_ray_nor_pandas():
    code = "import sys; sys.modules.update(ray=None, pandas=None); import benchmarks.throughput, benchmarks.worker"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_part_of_the_images_keeps_their_proportions(tmp_path):
    data = tiny_data(train=2000, test=500)
    assert sizes(cut(data, 0)) == (640, 128)
    assert sizes(cut(data, 1)) == (1920, 384)
    lay_out(cut(data, 0), tmp_path)
    opened = open_images(tmp_path)
    assert sizes(opened) == (640, 128)
    assert opened.classes == data.classes
    with pytest.raises(DataError, match="too few"):
        cut(tiny_data(), 1)
