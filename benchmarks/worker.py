"""A process that is measured: python -m benchmarks.worker CASE FOLDER TASK

Prints "ready" once everything is built and warm, waits for a line, measures, and prints what it found as JSON.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from benchmarks.cases import TIME, Case
from benchmarks.shared_images import cut, model_epochs, open_images
from benchmarks.stopwatch import parts_of_epoch
from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import ImageData
from study.training import graphs
from study.training.loop import Training

Found = dict[str, Any]
Measure = Callable[[str], Found]
# Steps that a GPU's queue takes up without making the host wait, and how often they are timed.
_QUEUED_STEPS, _QUEUES = 4, 25


def main() -> None:
    case, folder, task = Case.from_json(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if case.threads:
        torch.set_num_threads(case.threads)
    prepare = prepare_notebook if case.kind == "notebook" else prepare_study
    measure = prepare(case, open_images(folder))
    print("ready", flush=True)
    if not sys.stdin.readline():  # the benchmark was ended
        return
    found = measure(task)
    if case.device != "cpu":
        found.setdefault("gpu_mib", torch.cuda.max_memory_allocated() / 2**20)
    print(json.dumps(found), flush=True)


def prepare_notebook(case: Case, data: ImageData) -> Measure:
    """The notebook's loop, ready to run an epoch."""
    from benchmarks.notebook import NotebookLoop  # needs torchvision, which the study's loop does without

    loop = NotebookLoop(configuration_of(case), data, case.device)

    def measure(task: str) -> Found:
        parts = loop.epoch(parts=task != TIME)
        return {"seconds": sum(parts.values()), "model_epochs": 1, "parts": parts, "computation": "PyTorch"}

    return measure


def prepare_study(case: Case, data: ImageData) -> Measure:
    """The study's loop, ready to run an epoch."""
    training = warm_training(case, data)

    def measure(task: str) -> Found:
        found: Found = {
            "model_epochs": case.replicas * model_epochs(data),
            "computation": training.backend,
        }
        if task == TIME:
            return found | {"seconds": seconds_of_epoch(training)}
        if case.device != "cpu":  # before a second training comes to lie there
            found["gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
        parts = parts_of_epoch(laid_open(case, data, training), case.device)
        step = host_seconds_per_step(training, case.device)
        return found | {"seconds": sum(parts.values()), "parts": parts, "host_us_per_step": 1e6 * step}

    return measure


def warm_training(case: Case, data: ImageData) -> Training:
    """A training whose next epoch holds nothing that comes up only once."""

    def training_on(images: ImageData) -> Training:
        runs = [Run(configuration_of(case), seed) for seed in range(case.replicas)]
        return Training(runs, images, device=case.device, precision=case.precision)

    training = training_on(data)
    if case.device == "cpu":  # where what comes up once belongs to the process, and an epoch is long
        training_on(cut(data, 0)).run_epoch()
    else:
        training.run_epoch()
    return training


def laid_open(case: Case, data: ImageData, training: Training) -> Training:
    """A training whose parts can be told apart: on a GPU one without CUDA graphs, which are a single launch a step."""
    if case.device == "cpu":
        return training
    with mock.patch.dict(os.environ, {graphs.SWITCH: "off"}):
        return warm_training(case, data)


def seconds_of_epoch(training: Training) -> float:
    """Wall-clock time of the next epoch; it ends with reading results, hence with all that a GPU had to do."""
    start = time.perf_counter()
    training.run_epoch()
    return time.perf_counter() - start


def host_seconds_per_step(training: Training, device: str) -> float:
    """How long the host is busy with a training step when it does not wait for the device; the median.

    On a CPU, where nothing is queued, that is the step itself.
    """
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    size = training.runs[0].configuration.batch_size
    seconds = []
    for _ in range(_QUEUES if device != "cpu" else 1):
        training.begin_epoch()
        wait()
        start = time.perf_counter()
        for _ in range(_QUEUED_STEPS):
            training.step(size)
        seconds.append((time.perf_counter() - start) / _QUEUED_STEPS)
    wait()
    return statistics.median(seconds)


def configuration_of(case: Case) -> Configuration:
    """Of a case's network, with epochs that do not come to an end."""
    return Configuration("residual", case.num_blocks, case.batch_norm, lr=0.01, epochs=1_000_000)


if __name__ == "__main__":
    main()
