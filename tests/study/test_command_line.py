"""What the command line refuses before anything starts, and its help."""

import re
import subprocess
import sys

import pytest

from study.run import main
from tests.study.commands import environment, run, write_space

BAD_INPUT = {
    "unknown key": (["--set", "epoch=3"], "epoch"),
    "negative lr": (["--set", "space.lr=-1"], "lr"),
    "no epochs": (["--set", "space.epochs=0"], "epochs"),
    "empty grid": (["--set", "space.num_blocks={grid: []}"], "num_blocks"),
    "no such data": (["--data", "nowhere"], "nowhere"),
    "results is a file": (["--results", "space.yaml"], "is a file"),
    "results hold other files": (["--results", "."], "holds no study"),
    "results on a bucket": (["--results", "s3://bucket/x"], "not an address of s3"),
    "too many CPUs": (["--set", "resources.cpus=1000"], "1000 CPUs"),
    "several GPUs": (["--set", "resources.gpus=64"], "should be 1 or less"),
    "too large a validation set": (["--set", "validation=1437"], "validation"),
    "no cluster": (["--address", "127.0.0.1:1"], "127.0.0.1:1"),
    "tf32 on a CPU": (["--set", "precision=tf32"], "tf32"),
    "unknown option": (["--speed"], "--speed"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gives_status_2_and_starts_nothing(tmp_path, case):
    arguments, words = BAD_INPUT[case]
    before = write_space(tmp_path).read_text()
    process = run(tmp_path / "space.yaml", *arguments)
    assert process.returncode == 2, process.stdout + process.stderr
    assert words in process.stderr
    assert "Traceback" not in process.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"data", "results"}] == ["space.yaml"]
    assert not list(tmp_path.glob("results/*"))
    assert (tmp_path / "space.yaml").read_text() == before


def test_a_missing_space_file_is_named(tmp_path):
    process = run(tmp_path / "nowhere.yaml")
    assert process.returncode == 2
    assert "nowhere.yaml" in process.stderr


def test_a_space_file_without_its_option_is_understood(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["my_question.yaml", "--resume"])
    assert "required: --space (did you mean --space my_question.yaml?)\n" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--resume"])
    assert "required: --space\n" in capsys.readouterr().err


def test_help_needs_no_ray(tmp_path):
    """``--help`` and ``--dry-run`` answer at once: they import neither ray nor torch."""
    code = "import study.run, sys; sys.exit(bool({'ray', 'torch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


def test_the_version_and_the_short_name_of_the_command():
    said = [
        subprocess.run([sys.executable, "-m", name, "--version"], env=environment(), capture_output=True, check=True)
        for name in ("study", "study.run")
    ]
    assert said[0].stdout == said[1].stdout
    assert re.fullmatch(rb"residual-study (\d+\.\S+|\(not installed\))\s*", said[0].stdout)
