"""Run a case in processes of its own: one model-epoch rate, and where time and memory went."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import PARTS, Case
from benchmarks.memory import PeakMemory

ROOT = Path(__file__).parents[1]


class CaseError(Exception):
    """A case that could not be measured; the message says why."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one pass over a case gave.

    Attributes:
        rate: model-epochs per second of all its processes together.
        computation: what computed, "kernels" or "PyTorch".
        parts: seconds of the parts of an epoch; None in a timed pass of the study, and of Ray Tune.
        memory_mib: peak beside the images, of all processes; None in a timed pass.
        gpu_mib: peak that PyTorch has held on the GPU.
        host_us_per_step: how long the host is busy with a step, in microseconds.
        details: everything as it was measured.
    """

    rate: float
    computation: str
    parts: dict[str, float] | None = None
    memory_mib: float | None = None
    gpu_mib: float | None = None
    host_us_per_step: float | None = None
    details: Any = None


def measure(case: Case, folder: Path, task: str) -> Measurement:
    """One pass over a case of the notebook's loop or the study's, all its processes at once.

    Args:
        case: what to run.
        folder: of the images, see ``lay_out``.
        task: TIME or PARTS.

    Raises:
        CaseError: a process failed.
    """
    command = [sys.executable, "-m", "benchmarks.worker", case.to_json(), str(folder), task]
    with _started([command] * case.processes, environment(case)) as workers:
        watch = PeakMemory([worker.pid for worker in workers], [str(folder)])
        with watch if task == PARTS else contextlib.nullcontext():
            for worker in workers:
                _line(worker)
            for worker in workers:
                print(file=worker.stdin, flush=True)
            found = [json.loads(_line(worker)) for worker in workers]
    first = found[0]
    return Measurement(
        # The slowest counts for all: none shall gain from a neighbour that has ended.
        rate=sum(each["model_epochs"] for each in found) / max(each["seconds"] for each in found),
        computation=first["computation"],
        parts=first.get("parts"),
        memory_mib=watch.tree_mib,
        gpu_mib=first.get("gpu_mib"),
        host_us_per_step=first.get("host_us_per_step"),
        details=found,
    )


def environment(case: Case) -> dict[str, str]:
    """Of a case's processes: this project importable, and its choice of threads and kernels."""
    ours = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
    if case.threads:
        ours["OMP_NUM_THREADS"] = str(case.threads)
    if not case.kernels:
        ours["RESIDUAL_STUDY_KERNELS"] = "off"
    return os.environ | ours


@contextlib.contextmanager
def _started(commands: Sequence[Sequence[str]], env: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    workers = [subprocess.Popen(command, env=env, text=True, **pipes) for command in commands]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _line(worker: subprocess.Popen[str]) -> str:
    """The next line that a process prints.

    Raises:
        CaseError: it has ended instead.
    """
    assert worker.stdout is not None
    if line := worker.stdout.readline():
        return line
    worker.wait()
    assert worker.stderr is not None
    raise CaseError(last_line(worker.stderr.read()) or f"exit status {worker.returncode}")


def say_what_runs(text: str) -> None:
    """Show it on the terminal's current line, in place of what stood there; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r{text:<78}\r", end="", file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    """The last line that says something, where Python puts what went wrong."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next((line for line in lines if any(map(str.isalnum, line))), "")
