import os
import subprocess
import sys

import pytest

from tests.study.commands import environment

SAY = """
import sys
from study.process.output import sturdy_output
with sturdy_output():
    from rich.console import Console
    for number in range(3):
        print("é ü 实验", flush=True)
        Console().print("[bold]±[/bold]", number)
        sys.stdout.flush()
    print("to the end", file=sys.stderr)
"""


def say(**options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SAY]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)  # type: ignore[call-overload]


def test_a_closed_pipe_is_no_reason_to_end():
    read, write = os.pipe()
    os.close(read)
    done = say(stdout=write, env=environment())
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "to the end\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")  # noqa: PTH110
def test_nor_is_a_full_disk():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = say(stdout=full, env=environment())
    assert (done.returncode, done.stderr) == (0, "to the end\n")


def test_nor_are_letters_that_the_output_does_not_have():
    done = say(stdout=subprocess.PIPE, env=environment(PYTHONIOENCODING="ascii"))
    assert done.stdout.splitlines()[:2] == ["? ? ??", "? 0"]
    assert done.returncode == 0
