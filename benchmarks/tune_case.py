"""The study through Ray Tune, end to end: the command that a user gives, and what its records tell of time."""

import dataclasses
import datetime
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import PARTS, Case
from benchmarks.memory import PeakMemory
from benchmarks.processes import CaseError, environment, last_line
from study.contract.records import EpochLine, read_record

SPACE = """\
name: throughput
data: digits  # replaced on the command line
space:
  num_blocks: {num_blocks}
  batch_norm: {batch_norm}
  lr: {{grid: {rates}}}
  epochs: {epochs}
seeds: {replicas}
precision: {precision}
resources: {{gpus: {gpus}}}
"""


@dataclasses.dataclass(frozen=True)
class PackTimes:
    """When a pack trained, by its lines in the records.

    Attributes:
        began: when its first epoch did, in seconds of the clock.
        ended: when its last epoch did.
        training: of these, what its epochs themselves took.
        process: its id.
        computation: what computed.
    """

    began: float
    ended: float
    training: float
    process: int
    computation: str

    @property
    def seconds(self) -> float:
        """From the start of its first epoch to the end of its last."""
        return self.ended - self.began


@dataclasses.dataclass(frozen=True)
class TuneRun:
    """A study that has run.

    Attributes:
        wall: seconds of the whole command.
        packs: one on each core, or on the GPU.
        memory_mib: peak of all its processes beside the images; None in a timed pass.
        process_mib: peak resident memory of each process beside the images.
    """

    wall: float
    packs: list[PackTimes]
    memory_mib: float | None
    process_mib: dict[int, float]

    def details(self) -> dict[str, Any]:
        """As it was measured."""
        return {"wall": self.wall, "packs": [dataclasses.asdict(pack) for pack in self.packs]}


def run_study(case: Case, images: list[str], task: str) -> TuneRun:
    """Run one pack of the study on each core.

    Args:
        case: what to run.
        images: arguments that give the images, see ``whole`` and ``laid_out``.
        task: TIME or PARTS.

    Raises:
        CaseError: the command failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch, "results")
        space = Path(scratch, "throughput.yaml")
        space.write_text(_space(case))
        command = [sys.executable, "-m", *images, "--space", str(space), "--results", str(results), "--no-report"]
        start = time.perf_counter()
        with subprocess.Popen(
            command, env=environment(case), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            watch = PeakMemory([process.pid], [])
            if task == PARTS:
                with watch:
                    output, _ = process.communicate()
            else:
                output, _ = process.communicate()
        wall = time.perf_counter() - start
        if process.returncode:
            raise CaseError(last_line(output) or f"exit status {process.returncode}")
        packs = packs_of(results)
    return TuneRun(wall, packs, watch.tree_mib, watch.process_mib)


def whole(data: str, data_dir: Path) -> list[str]:
    """study.run on a data set as it is."""
    return ["study.run", "--data", data, "--data-dir", str(data_dir)]


def laid_out(folder: Path) -> list[str]:
    """study.run on the images of ``lay_out``."""
    return ["benchmarks.study_on", str(folder)]


def epochs_rate(run: TuneRun, case: Case, share: float) -> float:
    """Model-epochs per second from the start of the first pack's first epoch to the end of the last one's last.

    The slowest counts for all, as for the loop by itself: a pack gains where another has not begun or has ended.

    Args:
        run: of the case.
        case: what was run.
        share: what part of a model-epoch a run's epoch was.
    """
    seconds = max(pack.ended for pack in run.packs) - min(pack.began for pack in run.packs)
    return len(run.packs) * case.replicas * case.epochs * share / seconds


def command_rate(run: TuneRun, case: Case, share: float) -> float:
    """Model-epochs per second of the whole command; a part of the images is scaled up, the rest stays as it was."""
    longest = max(pack.seconds for pack in run.packs)
    return len(run.packs) * case.replicas * case.epochs / (run.wall - longest + longest / share)


def _space(case: Case) -> str:
    return SPACE.format(
        num_blocks=case.num_blocks,
        batch_norm=str(case.batch_norm).lower(),
        # Different configurations, as a study has, that cost the same.
        rates=[round(0.01 + 0.0001 * k, 4) for k in range(case.processes)],
        epochs=case.epochs,
        replicas=case.replicas,
        precision=case.precision,
        gpus="0" if case.device == "cpu" else "1",
    )


def packs_of(results: Path) -> list[PackTimes]:
    """What the records of a study tell of each of its packs, in the order of their names.

    Raises:
        CaseError: they hold no epoch.
    """
    lines: dict[str, list[EpochLine]] = {}
    for file in sorted((results / "records").glob("*.jsonl")):
        record, _ = read_record(file)
        for line in record.lines if record else ():
            lines.setdefault(line.get("pack", ""), []).append(line)
    if not lines:
        raise CaseError("the study has no epochs")
    return [_times(lines[pack]) for pack in sorted(lines)]


def _times(lines: list[EpochLine]) -> PackTimes:
    """Of the lines of one pack; every line says how long each of its runs has trained, its share of the pack's time."""

    def trained_by(epoch: int) -> float:
        return sum(sum(line["seconds"]) for line in lines if line["epoch"] == epoch)

    def finished(epoch: int) -> float:
        return max(
            datetime.datetime.fromisoformat(line["finished"]).timestamp() for line in lines if line["epoch"] == epoch
        )

    first, last = min(line["epoch"] for line in lines), max(line["epoch"] for line in lines)
    return PackTimes(
        began=finished(first) - trained_by(first),
        ended=finished(last),
        training=trained_by(last),
        process=lines[-1]["pid"],
        computation=lines[-1]["device"],
    )
