"""The script for a GPU, from end to end on a CPU in tiny sizes; never how long anything takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu, gpu_plan, gpu_tables, gpu_worker
from benchmarks.gpu_plan import Part

ROOT = Path(__file__).parents[2]
# What a machine lent with a GPU does not have, or what training and its measurement must not need.
REFUSED = (
    *("ray", "pydantic", "ruamel", "pandas", "seaborn", "matplotlib", "sklearn", "scipy", "optuna", "pyarrow"),
    *("rich", "jinja2"),
)
REFUSE = f"import sys; sys.modules.update(dict.fromkeys({REFUSED}))"


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> dict[str, str]:
    """An environment whose Python processes, and those that they start, cannot import the refused packages."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(REFUSE)
    return os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def test_what_runs_there_needs_pytorch_and_numpy_alone(bare):
    modules = "study.training.loop, benchmarks.gpu, benchmarks.gpu_worker, benchmarks.convolution_forms"
    code = f"import sys, {modules}; sys.exit(bool({{'PIL', 'torchvision', 'triton'}} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=bare, check=True)


def test_the_refusal_works(bare):
    ended = subprocess.run(
        [sys.executable, "-c", "import pydantic"], env=bare, capture_output=True, text=True, check=False
    )
    assert "import of pydantic halted" in ended.stderr


@pytest.mark.slow
def test_everything_runs_on_a_cpu_without_the_packages_that_are_missing_there(bare, tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick", "--out", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--minutes", "60"], cwd=ROOT, env=bare, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr  # some of it is for GPUs alone
    everything = json.loads((tmp_path / "results.json").read_text())
    assert tuple(everything["parts"]) == gpu_plan.NAMES
    planned = {part.name: part.cases for part in gpu_plan.quick_parts("cpu")}
    for name, part in everything["parts"].items():
        assert json.loads(json.dumps(planned[name])) == [result["case"] for result in part["results"]]
    missing = gpu_tables.problems(everything)
    assert missing
    assert all("tf32 exists on NVIDIA GPUs only" in line or "nothing is compiled" in line for line in missing), missing
    tables = (tmp_path / "results.md").read_text()
    for name, title in gpu_tables.TITLES.items():
        assert (f"### {title}" in tables) == (name != "compiled")
    assert "tiny sizes, which measure nothing" in tables
    assert "tests/study/training/test_images.py" in tables


def worker(code: str) -> list[str]:
    head = "import json, sys, time\ndef say(found): print(json.dumps({'found': found, 'problem': None}), flush=True)\n"
    return [sys.executable, "-c", f"{head}for case in json.load(sys.stdin):\n    {code}"]


def results_of(code: str, cases: list, limit: float, log: Path) -> list[tuple]:
    found = []
    gpu.run_part(Part("facts", 1, cases), worker(code), limit, log, found.append)
    return [(result["case"], result["found"], result["problem"]) for result in found]


def test_a_part_out_of_time_keeps_what_it_has_and_names_the_rest(tmp_path):
    code = "say(2 * case) if case < 3 else time.sleep(1000)"
    found = results_of(code, [1, 2, 3, 4], 5, tmp_path / "log.txt")
    rest = "no time: this part's 5 s were over"
    assert found == [(1, 2, None), (2, 4, None), (3, None, rest), (4, None, rest)]


def test_a_process_that_dies_costs_its_case_and_no_other(tmp_path):
    code = "say(2 * case) if case != 2 else sys.exit('out of luck')"
    found = results_of(code, [1, 2, 3], 300, tmp_path / "log.txt")
    assert found == [(1, 2, None), (2, None, "its process ended: out of luck"), (3, 6, None)]


def test_what_is_not_measured_is_named_once_with_its_reason():
    case = {"what": "copy", "device": "cpu", "mib": 1}
    slow = {"limit_s": 1, "results": [{"case": case | {"what": what}, "found": None, "problem": "no"} for what in "ab"]}
    failed = {"status": 1, "summary": "1 failed", "output": []}
    tests = {"limit_s": 1, "results": [{"case": {"file": "x.py"}, "found": failed, "problem": None}]}
    found = gpu_tables.problems({"parts": {"facts": slow, "tests": tests}})
    assert found == ["facts: what a; what b: no", "tests: x.py: 1 failed"]
    slow["results"] *= 3
    assert gpu_tables.problems({"parts": {"facts": slow}}) == ["facts: what a; what b; what a; what b; and 2 more: no"]


def test_numbers_that_are_wrong_are_no_result_to_rely_on():
    def problems(error: float) -> list[str]:
        case = {"form": "grouped", "layout": "channels first", "replicas": 1, "precision": "float32"}
        found = {"case": case, "milliseconds": {"forward": 1.0}, "error": error, "problem": None}
        return gpu_tables.problems({"parts": {"forms": {"results": [{"case": case, "found": found, "problem": None}]}}})

    assert problems(1e-6) == []
    for error in (1e-3, float("nan")):
        assert problems(error)[0].endswith("wrong: an error of more than 0.0001")


def test_without_a_gpu_nothing_is_begun(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--out", str(tmp_path / "new")]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_whole_plan_fits_its_parts():
    parts = gpu_plan.parts("cuda")
    assert tuple(part.name for part in parts) == gpu_plan.NAMES == tuple(gpu_worker.PARTS)
    assert sum(part.weight for part in parts) == 9 * 60
    assert all(part.cases for part in parts)
