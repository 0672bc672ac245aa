"""The project as a wheel, in an environment of its own and outside the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.study.commands import ROOT, environment, write_space

SPACE = """\
name: outside
data: digits
space: {num_blocks: {grid: [0, 1]}, lr: 0.05, epochs: 1}
seeds: 2
compare: {across: num_blocks}
"""


def outside() -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    return {name: value for name, value in environment().items() if name != "PYTHONPATH"}


def call(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, env=outside(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built with the tools that are installed, from a copy: building leaves its traces."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("study", "analysis"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    call(*pip, "--wheel-dir", folder / "dist", folder / "source", folder=folder)
    (made,) = (folder / "dist").glob("*.whl")
    return made


def test_it_holds_all_that_is_not_python_too(wheel):
    there = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}
    for package in ("study", "analysis"):
        files = {str(file.relative_to(ROOT)) for file in (ROOT / package).rglob("*") if file.is_file()}
        assert {name for name in files if "__pycache__" not in name} <= there
    assert {name.partition("/")[0] for name in there} == {"study", "analysis"}


@pytest.mark.slow
def test_it_runs_a_study_and_writes_its_report(tmp_path, wheel):
    place = tmp_path / "own"
    venv.create(place, with_pip=False)
    (site,) = place.glob("lib/python*/site-packages")
    # What the project needs comes from the environment of the tests; the project itself does not: it is editable there.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet"]
    call(*pip, "--no-deps", "--no-index", wheel, folder=tmp_path)
    command = place / "bin" / "residual-study"
    assert call(command, "--version", folder=tmp_path).stdout.startswith("residual-study ")
    call(command, "--space", write_space(tmp_path, SPACE), folder=tmp_path)
    where = "import study; print(study.__file__)"
    assert call(place / "bin" / "python", "-c", where, folder=tmp_path).stdout.startswith(str(site))
    assert (tmp_path / "results" / "outside" / "report" / "report.html").exists()
    again = call(place / "bin" / "residual-study-report", "results/outside", folder=tmp_path)
    assert "report.html" in again.stdout
