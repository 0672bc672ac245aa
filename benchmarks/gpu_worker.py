"""A process that measures one part of gpu.py: python -m benchmarks.gpu_worker PART < cases

Reads the cases as a JSON list and prints a line of JSON for each as soon as it is measured: what was found, or why
nothing was. It needs PyTorch and numpy; the notebook's loop torchvision and Pillow too.
"""

import contextlib
import functools
import gc
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import convolution_forms
from benchmarks.cases import TIME, Case
from benchmarks.convolution_forms import FormCase
from benchmarks.processes import last_line
from benchmarks.shared_images import cut, model_epochs, synthetic
from benchmarks.worker import host_seconds_per_step, prepare_notebook, seconds_of_epoch, warm_training
from study.data import ImageData
from study.training import graphs

ROOT = Path(__file__).parents[1]
Fields = dict[str, Any]
# Timed epochs of a case: so many seconds of them, at least two and at most ten.
_ENOUGH_SECONDS, _FEWEST, _MOST = 2.0, 2, 10
# Packs that did not fit.
_did_not_fit: list[int] = []


def facts(case: Fields) -> Fields:
    """Versions and device, or how fast it copies or multiplies."""
    device = torch.device(case["device"])
    if case["what"] == "versions":
        return versions(device)
    if case["what"] == "copy":
        source = torch.ones(case["mib"] * 2**18, device=device)
        target = torch.empty_like(source)
        seconds = _best(lambda: target.copy_(source), device)
        return {"terabytes_per_second": 2 * source.nbytes / seconds / 1e12}  # read and written
    convolution_forms.set_precision(case["precision"], device)
    dtype = torch.bfloat16 if case["precision"] == "bf16" else torch.float32
    a, b = (torch.randn(case["side"], case["side"], device=device, dtype=dtype) for _ in range(2))
    return {"tflop_per_second": 2 * case["side"] ** 3 / _best(lambda: a @ b, device) / 1e12}


def versions(device: torch.device) -> Fields:
    """What a reader must know of the numbers."""
    found: Fields = {"python": platform.python_version(), "torch": str(torch.__version__), "cpus": os.cpu_count()}
    if importlib.util.find_spec("triton"):
        found["triton"] = importlib.import_module("triton").__version__
    if device.type != "cuda":
        return found
    about = torch.cuda.get_device_properties(device)
    return found | {
        "gpu": about.name,
        "gpu_mib": about.total_memory // 2**20,
        "multiprocessors": about.multi_processor_count,
        "compute_capability": f"{about.major}.{about.minor}",
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
    }


def tests(case: Fields) -> Fields:
    """Run a test file; without the plugins that this project's tests need nowhere, and warnings are no errors."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "--tb=short", "-p", "no:cacheprovider", "-W", "default"]
    ended = subprocess.run([*command, case["file"]], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = (ended.stdout + ended.stderr).splitlines()
    return {"status": ended.returncode, "summary": last_line(ended.stdout or ended.stderr), "output": lines[-60:]}


def compiled(case: Fields) -> Fields:
    """Compile the forms' Triton kernels into Triton's cache, a process for each precision; their times say nothing."""
    if torch.device(case["device"]).type != "cuda":
        raise ValueError("nothing is compiled for a CPU")
    command = [sys.executable, "-m", "benchmarks.convolution_forms", "--device", case["device"], "--batch", "16"]
    command += ["--replicas", *map(str, case["replicas"])]
    start = time.perf_counter()
    processes = [
        subprocess.Popen([*command, "--precision", each], cwd=ROOT, stdout=subprocess.DEVNULL)
        for each in case["precisions"]
    ]
    statuses = [process.wait() for process in processes]
    return {"seconds": time.perf_counter() - start, "statuses": statuses}


def forms(case: Fields) -> Fields:
    """A row of convolution_forms.py."""
    return dict(convolution_forms.measure(FormCase(**case)))


def throughput(case: Fields) -> Fields:
    """Model-epochs per second, memory, and what a step costs the host."""
    wanted = _case(case)
    images = _images(case["share"])
    with _graphs(case["graphs"]), _peak(wanted.device) as memory:
        training = warm_training(wanted, images)
        scale = wanted.replicas * model_epochs(images)
        seconds: list[float] = []
        while len(seconds) < _FEWEST or (sum(seconds) < _ENOUGH_SECONDS and len(seconds) < _MOST):
            seconds.append(seconds_of_epoch(training))
        if len(training.chunks) > 1:
            raise MemoryError(f"{wanted.replicas} runs do not fit at once: trained in {len(training.chunks)} chunks")
        found = {
            "model_epochs_per_second": [scale / each for each in seconds],
            "host_us_per_step": 1e6 * host_seconds_per_step(training, wanted.device),
            "computation": training.backend,
        }
    return found | {"memory_mib": memory()}


def profile(case: Fields) -> Fields:
    """Where a step's time goes, kernel by kernel: three steps without CUDA graphs."""
    wanted = _case(case)
    on_gpu = wanted.device != "cpu"
    with _graphs(False):
        training = warm_training(wanted, _images(case["share"]))
    training.begin_epoch()
    kind = torch.profiler.ProfilerActivity.CUDA if on_gpu else torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[kind]) as profiler:
        for _ in range(3):
            training.step(128)
        _wait(torch.device(wanted.device))
    times = [
        (event.key, (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 3, event.count / 3)
        for event in profiler.key_averages()
    ]
    times.sort(key=lambda each: -each[1])
    total = sum(each[1] for each in times)
    top = [{"name": name[:120], "us_per_step": us, "calls_per_step": calls} for name, us, calls in times[:15]]
    return {"us_per_step": total, "calls_per_step": sum(each[2] for each in times), "kernels": top}


def notebook(case: Fields) -> Fields:
    """The notebook's loop with its loaders' processes."""
    found = prepare_notebook(_case(case), _images(case["share"]))(TIME)
    return {"model_epochs_per_second": found["model_epochs"] / found["seconds"], "parts": found["parts"]}


def largest(case: Fields) -> Fields:
    """Whether so many runs train and are measured at once, and the memory that takes."""
    wanted = _case(case)
    if _did_not_fit and wanted.replicas > min(_did_not_fit):
        raise MemoryError(f"{min(_did_not_fit)} did not fit either")
    data, count = _images(1), case["images"]
    images = ImageData.without_validation(
        data.name,
        data.classes,
        (data.train_images[:count], data.train_labels[:count]),
        (data.test_images[:count], data.test_labels[:count]),
    )
    with _peak(wanted.device) as memory:
        try:
            fits = len(warm_training(wanted, images).chunks) == 1
        except torch.OutOfMemoryError:
            fits = False
        if not fits:
            _did_not_fit.append(wanted.replicas)
    return {"fits": fits, "memory_mib": memory()}


PARTS: dict[str, Callable[[Fields], Fields]] = {
    each.__name__: each for each in (facts, tests, compiled, forms, throughput, profile, notebook, largest)
}


def main() -> None:
    measure, cases = PARTS[sys.argv[1]], json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):  # what others print is no result
        for case in cases:
            line: Fields = {"found": None, "problem": None}
            try:
                line["found"] = measure(case)
            except Exception as error:
                line["problem"] = f"{type(error).__name__}: {last_line(str(error))}"
            print(json.dumps(line), file=sys.__stdout__, flush=True)
            gc.collect()
            if "CUDA error" in f"{line['problem']}":
                sys.exit("CUDA can no longer be used in this process")


def _case(case: Fields) -> Case:
    """Without the fields that are no Case's."""
    return Case(**{name: value for name, value in case.items() if name not in ("graphs", "share", "images")})


@functools.cache
def _images(share: float) -> ImageData:
    data = synthetic()
    return data if share == 1 else cut(data, share)


@contextlib.contextmanager
def _graphs(on: bool) -> Iterator[None]:
    before = os.environ.pop(graphs.SWITCH, None)
    if not on:
        os.environ[graphs.SWITCH] = "off"
    try:
        yield
    finally:
        os.environ.pop(graphs.SWITCH, None)
        if before is not None:
            os.environ[graphs.SWITCH] = before


@contextlib.contextmanager
def _peak(device: str) -> Iterator[Callable[[], float | None]]:
    """Gives a function that tells the peak of a GPU's memory within, in MiB; None of a CPU."""
    if device == "cpu":
        yield lambda: None
        return
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    yield lambda: torch.cuda.max_memory_reserved() / 2**20


def _best(work: Callable[[], object], device: torch.device, times: int = 10) -> float:
    """Seconds of the fastest of some."""
    seconds = []
    for _ in range(times + 2):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[2:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
