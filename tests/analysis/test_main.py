"""The command line in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.report import write_report

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
        (["s3://bucket/study"], "s3://bucket/study is not a folder on this machine"),
    ],
)
def test_wrong_input_exits_with_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "results.txt").write_text("")
    result = run(*(a if "://" in a else tmp_path / a for a in arguments))
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "formats"), [("corners", ("svg", "png")), ("search", ("svg", "png", "pdf"))])
def test_another_process_writes_the_same_bytes(
    directories: dict[str, Path], tmp_path: Path, name: str, formats: tuple[str, ...]
) -> None:
    """Also with other hashes of strings, which order every set of them, and after whatever this one drew."""
    here, there = tmp_path / "here", tmp_path / "there"
    write_report(directories[name], here, formats)
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    result = run(directories[name], "--out", there, "--formats", ", ".join(formats), PYTHONHASHSEED=other)
    assert result.returncode == 0, result.stderr
    files = sorted(p.relative_to(here) for p in here.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(there) for p in there.rglob("*") if p.is_file())
    assert len(files) > 20
    for file in files:
        assert (here / file).read_bytes() == (there / file).read_bytes(), file


def test_unknown_format_exits_with_2(directories: dict[str, Path], tmp_path: Path) -> None:
    result = run(directories["single"], "--out", tmp_path / "out", "--formats", "gif")
    assert result.returncode == 2
    assert "unknown format 'gif'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_of_study_only_the_contract_is_loaded_and_neither_torch_nor_ray() -> None:
    code = (
        "import sys, analysis.report, analysis.results, analysis.__main__;"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'ray', 'torchvision')"
        " or m.startswith('study.') and not m.startswith('study.contract')])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_tilde_is_the_home_folder(directories: dict[str, Path], tmp_path: Path) -> None:
    """bash leaves it as it is in --out=~/report."""
    result = run(directories["single"], "--out=~/report", "--formats", "", HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report" / "report.html").exists()


def test_an_output_that_cannot_hold_every_letter_loses_nothing_else(
    directories: dict[str, Path], tmp_path: Path
) -> None:
    result = run(directories["single"], "--out", tmp_path, "--formats", "", PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert "report.html" in result.stdout
