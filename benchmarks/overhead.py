"""What a study costs beside its epochs: report, record and checkpoint, and the memory of a pack."""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import PARTS, TIME, Case, Network
from benchmarks.processes import CaseError
from benchmarks.shared_images import open_images
from benchmarks.tables import markdown
from benchmarks.throughput_cases import Images
from benchmarks.tune_case import TuneRun, run_study
from benchmarks.worker import configuration_of
from study.contract.runs import Run
from study.results.files import append_lines
from study.results.machine import available_cpus
from study.training.loop import Training

LIMIT_SHARE, LIMIT_MIB = 0.02, 1.5e9 / 2**20
_WRITES = 20


def run(network: Network, images: Images, seeds: int, epochs: int) -> tuple[str, dict[str, Any], bool]:
    """Run one pack on each core: once timed, once with its memory watched.

    Args:
        network: what the packs train.
        images: what on.
        seeds: of a pack.
        epochs: of a pack; one more than is asked for, since the time between epochs is measured.

    Returns:
        The table, the values behind it, and whether it could be measured.
    """
    processes = available_cpus() if network.device == "cpu" else 1
    common = dataclasses.asdict(network)
    case = Case("Ray Tune", "tune", replicas=seeds, processes=processes, epochs=max(epochs, 2) + 1, **common)
    try:
        timed = run_study(case, images.arguments(), TIME)
        watched = run_study(dataclasses.replace(case, epochs=1), images.arguments(), PARTS)
    except CaseError as error:
        return f"not measured: {error}", {"problem": str(error)}, False
    values = overhead_values(timed, case, images.share) | write_seconds(case, images)
    values |= {"pack_memory_mib": pack_memory(watched), "memory_mib": watched.memory_mib, "timed": timed.details()}
    return _table(values), {"overhead": values}, True


def overhead_values(timed: TuneRun, case: Case, share: float) -> dict[str, float]:
    """The time between a pack's epochs: everything that Ray Tune and the study do there, checkpoints included."""
    gaps = [(pack.seconds - pack.training) / (case.epochs - 1) for pack in timed.packs]
    epochs = [pack.training / case.epochs / share for pack in timed.packs]
    between, epoch = statistics.median(gaps), statistics.median(epochs)
    return {"seconds_between_epochs": between, "seconds_of_an_epoch": epoch, "share": between / epoch}


def pack_memory(watched: TuneRun) -> float | None:
    """Peak resident memory of the largest pack's process, without the images, which Ray's object store shares."""
    found = [watched.process_mib[pack.process] for pack in watched.packs if pack.process in watched.process_mib]
    return max(found, default=None)


def write_seconds(case: Case, images: Images) -> dict[str, float]:
    """What the writing alone takes: a checkpoint's file, and a line of the record that is on the disk."""
    configuration = configuration_of(case)
    runs = [Run(configuration, seed) for seed in range(case.replicas)]
    training = Training(runs, open_images(images.folder), device=case.device)
    row = {"epoch": 1, **dict.fromkeys(("train_loss", "train_accuracy", "test_accuracy"), [0.1] * case.replicas)}
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "0000.jsonl")
        return {
            "seconds_to_save": _each(lambda: torch.save(training.state_dict(), Path(folder, "state.pt"))),
            "seconds_to_record": _each(lambda: append_lines(record, [row])),
        }


def _each(write: Any) -> float:
    seconds = []
    for _ in range(_WRITES):
        start = time.perf_counter()
        write()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _table(values: dict[str, Any]) -> str:
    memory = values["pack_memory_mib"]
    lines = [
        ["an epoch of all seeds of a pack", f"{values['seconds_of_an_epoch']:.2f} s", ""],
        ["between two epochs: record, report, checkpoint", f"{1000 * values['seconds_between_epochs']:.0f} ms", ""],
        ["  of these to save the state", f"{1000 * values['seconds_to_save']:.1f} ms", ""],
        ["  of these to write the record", f"{1000 * values['seconds_to_record']:.1f} ms", ""],
        ["share of an epoch", f"{values['share']:.2%}", f"{LIMIT_SHARE:.0%}"],
        [
            "memory of a pack beside the images",
            "" if memory is None else f"{memory:,.0f} MiB",
            f"{LIMIT_MIB:,.0f} MiB",
        ],
    ]
    return markdown(("what", "measured", "at most"), lines)
