"""Which instruction set PyTorch's CPU library, oneDNN, should use: measured once a machine, where it is a question.

Only PyTorch's own convolutions are concerned, so only machines without this project's kernels. With AVX-512 oneDNN puts
16 channels into a register, which the 8 of this network half fill; AVX2 is then often the faster choice
(``ONEDNN_MAX_CPU_ISA``, https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html). oneDNN reads the
variable when torch is imported, so it is set before, in the environment that trials inherit.
"""

import json
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from study.training.kernels.build import SWITCH, KernelsUnavailableError, cache_folder, library, processor

VARIABLE = "ONEDNN_MAX_CPU_ISA"
DEFAULT = "DEFAULT"  # oneDNN's own choice, and its name for it
STEPS = 12

_logger = logging.getLogger(__name__)


def choose_instruction_set() -> None:
    """Set ``ONEDNN_MAX_CPU_ISA`` for the processes that this one starts, unless the user has set it.

    Does nothing where the kernels are at hand or the processor has no AVX-512.
    """
    if _kernels_at_hand() or VARIABLE in os.environ or "avx512f" not in processor():
        return

    def find() -> str | None:
        return fastest((DEFAULT, "AVX2"), measure)

    try:
        memory = cache_folder() / "onednn.json"
    except OSError:  # nowhere to remember it: measured each time then
        found = find()
    else:
        found = remembered(memory, find)
    if found:
        os.environ[VARIABLE] = found


def fastest(candidates: tuple[str, ...], seconds: Callable[[str], float]) -> str | None:
    """The candidate whose step takes the fewest seconds; None if one of them cannot be measured."""
    _logger.info("measuring which instruction set suits PyTorch on this processor, once (about 20 s) ...")
    taken = {candidate: seconds(candidate) for candidate in candidates}
    return min(taken, key=taken.__getitem__) if all(map(math.isfinite, taken.values())) else None


def measure(instruction_set: str) -> float:
    """Seconds of the fastest of some training steps in a process of its own; infinite if it fails."""
    environment = os.environ | {VARIABLE: instruction_set, SWITCH: "off"}
    command = [sys.executable, "-m", "study.training.onednn"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        return float(done.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return float("inf")


def remembered(file: Path, find: Callable[[], str | None]) -> str | None:
    """What was found on a processor like this one with this PyTorch; found now, and kept if it can be, otherwise.

    Nothing found is not kept: the machine may have been busy, and is asked again next time.
    """
    key = f"{version('torch')} on {processor()}"
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(kept.get(key), str):
            return kept[key]
    except (OSError, ValueError, AttributeError):
        kept = {}
    if (found := find()) is None:
        return None
    kept[key] = found
    try:
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        beside.replace(file)
    except OSError:  # a cache that cannot be kept costs a measurement next time, no more
        pass
    return found


def _kernels_at_hand() -> bool:
    try:
        library()
    except KernelsUnavailableError:
        return False
    return True


def _time_steps() -> float:
    """Seconds of the fastest training step of one replica of the notebook's network, one thread."""
    import numpy as np
    import torch

    from study.contract.axes import Configuration
    from study.training.images import ImageArrays
    from study.training.loop import BATCH_SIZE, Training

    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(BATCH_SIZE) % 10
    sets = {f"{name}_images": pixels for name in ("train", "test")} | {
        f"{name}_labels": labels for name in ("train", "test")
    }
    none = {"validation_images": pixels[:0], "validation_labels": labels[:0]}
    data = cast(ImageArrays, SimpleNamespace(classes=tuple("abcdefghij"), **sets, **none))
    setting = Configuration(block="residual", num_blocks=10, batch_norm=False, lr=0.01, epochs=STEPS)
    training = Training(setting, data, [0])
    seconds = []
    for _ in range(STEPS):  # an epoch is one step, and an accuracy
        start = time.perf_counter()
        training.run_epoch()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    print(_time_steps())
