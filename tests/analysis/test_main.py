"""The command line in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "analysis", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "100", **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)


def test_report_is_written_and_summarised(directories: dict[str, Path], tmp_path: Path) -> None:
    result = run(directories["single"], "--out", tmp_path / "out", "--formats", "pdf")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "53." in result.stdout
    assert (tmp_path / "out" / "report.html").exists()
    assert (tmp_path / "out" / "figures" / "convergence.pdf").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no such directory"),
        (["."], "not a results directory"),
        (["results.txt"], "not a directory"),
        ([], "required: RESULTS"),
    ],
)
def test_wrong_input_exits_with_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "results.txt").write_text("")
    result = run(*(tmp_path / a for a in arguments))
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_another_process_writes_the_same_bytes(directories: dict[str, Path], tmp_path: Path) -> None:
    """Also with other hashes of strings, which order every set of them."""
    for seed in ("1", "2"):
        out = tmp_path / seed
        result = run(directories["search"], "--out", out, "--formats", "svg, png,pdf", PYTHONHASHSEED=seed)
        assert result.returncode == 0, result.stderr
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*") if p.is_file())
    assert len(files) > 40
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_unknown_format_exits_with_2(directories: dict[str, Path], tmp_path: Path) -> None:
    result = run(directories["single"], "--out", tmp_path / "out", "--formats", "gif")
    assert result.returncode == 2
    assert "unknown format 'gif'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_neither_study_nor_torch_nor_ray_is_loaded() -> None:
    code = (
        "import sys, analysis.report, analysis.results, analysis.__main__;"
        "print([m for m in ('study', 'torch', 'ray', 'torchvision') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert result.stdout.strip() == "[]", result.stderr
