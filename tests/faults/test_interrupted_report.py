"""A session that is ended while it writes the report: the results are complete, and one command writes the report."""

import re
import shlex
import signal
import subprocess

import pandas as pd

from tests.study.commands import SMALL, environment, start, write_space


def interrupted_in_the_report(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """What a session prints that is sent a signal as soon as it says that it writes the report."""
    assert process.stdout is not None
    said = ""
    while "writing the report" not in said:
        line = process.stdout.readline()
        assert line, process.communicate()
        said += line
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, said + out + err
    assert err == ""
    assert re.fullmatch(r"results: results/small \([\d.]+ [KM]iB\)", out.splitlines()[-1])
    return said + out


def test_it_ends_with_130_and_the_command_that_writes_the_report(tmp_path):
    """SIGTERM after a session that trained, and so has had Ray, which takes the signal for itself; then Ctrl-C."""
    results, space = tmp_path / "results" / "small", write_space(tmp_path, SMALL.replace("epochs: 3", "epochs: 1"))
    with start(space) as process:
        interrupted_in_the_report(process, signal.SIGTERM)
    assert set(pd.read_parquet(results / "trials.parquet")["state"]) == {"completed"}
    assert len(pd.read_parquet(results / "curves.parquet")) == 4
    with start(space, "--resume") as process:
        out = interrupted_in_the_report(process, signal.SIGINT)
    (command,) = re.findall("the report was interrupted; to write it: (.*)", out)
    command = shlex.split(command)
    written = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert written.returncode == 0, written.stderr
    assert (results / "report" / "report.html").exists()
