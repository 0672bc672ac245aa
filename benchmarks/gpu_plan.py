"""What gpu.py measures: its parts in their order, the cases of each, and its share of the time."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.convolution_forms import cases_of

NAMES = ("facts", "tests", "compiled", "forms", "throughput", "profile", "notebook", "largest")
PRECISIONS = ("float32", "tf32", "bf16")
# The most telling first: a part may run out of time.
REPLICAS, FORM_REPLICAS = (16, 128, 5, 64, 32, 1), (32, 128, 8, 1)
# The tests that have something to say on CUDA.
TEST_FILES = (
    "tests/study/training/test_graphs.py",
    "tests/benchmarks/test_triton_forms.py",
    "tests/study/training/test_cuda.py",
)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the measurement.

    Attributes:
        name: one of NAMES; a function of gpu_worker.py measures it.
        weight: its share of the time, in seconds of nine minutes.
        cases: what is measured, one after another.
    """

    name: str
    weight: float
    cases: list[dict[str, Any]]


def parts(device: str) -> list[Part]:
    """Everything, in the order of issue 15's first point."""
    return [
        Part("facts", 45, _facts(device, mib=2048, side=8192, precisions=PRECISIONS)),
        Part("tests", 75, [{"file": file} for file in TEST_FILES]),
        # 1 and 8 replicas give Triton all the kinds of strides that it makes kernels for.
        Part("compiled", 55, [{"device": device, "precisions": PRECISIONS, "replicas": (1, 8)}]),
        Part("forms", 95, _forms(device, FORM_REPLICAS, PRECISIONS, 128)),
        Part("throughput", 160, _throughput(device, REPLICAS, PRECISIONS, 10, 0.1)),
        Part("profile", 20, [_study(device, 16, 10) | {"share": 0.1}, _study(device, 128, 10) | {"share": 0.1}]),
        Part("notebook", 40, [_notebook(device, 10, share) for share in (0.1, 1)]),
        # Accuracies are measured 2,000 images at a time.
        Part(
            "largest",
            50,
            [_study(device, count, 10) | {"images": 2000} for count in (256, 512, 768, 1024, 1536, 2048, 3072, 4096)],
        ),
    ]


def quick_parts(device: str) -> list[Part]:
    """Every part in sizes that take seconds on a CPU."""
    return [
        Part("facts", 1, _facts(device, mib=1, side=64, precisions=PRECISIONS[:2])),
        Part("tests", 1, [{"file": "tests/study/training/test_images.py"}]),
        Part("compiled", 1, [{"device": device, "precisions": PRECISIONS[:1], "replicas": (1,)}]),
        Part("forms", 1, _forms(device, (2,), PRECISIONS[:2], 4)),
        Part("throughput", 1, _throughput(device, (2,), PRECISIONS[:2], 1, 0.0)),
        Part("profile", 1, [_study(device, 2, 1) | {"share": 0.0}]),
        Part("notebook", 1, [_notebook(device, 1, 0.0)]),
        Part("largest", 1, [_study(device, 2, 1) | {"images": 640}]),
    ]


def _facts(device: str, *, mib: int, side: int, precisions: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"what": "versions", "device": device},
        {"what": "copy", "device": device, "mib": mib},
        *({"what": "product", "device": device, "precision": each, "side": side} for each in precisions),
    ]


def _forms(device: str, replicas: Sequence[int], precisions: Sequence[str], batch: int) -> list[dict[str, Any]]:
    cases = cases_of(device, replicas, precisions, batch)
    return [dataclasses.asdict(case) for count in replicas for case in cases if case.replicas == count]


def _throughput(
    device: str, replicas: Sequence[int], precisions: Sequence[str], blocks: int, share: float
) -> list[dict[str, Any]]:
    return [
        _study(device, count, blocks, precision) | {"graphs": graphs, "share": share}
        for graphs in (True, False)
        for precision in precisions
        for count in replicas
    ]


def _study(device: str, replicas: int, blocks: int, precision: str = "float32") -> dict[str, Any]:
    case = Case(f"{replicas} replicas", "study", replicas, num_blocks=blocks, device=device, precision=precision)
    return dataclasses.asdict(case)


def _notebook(device: str, blocks: int, share: float) -> dict[str, Any]:
    case = Case("the notebook's loop", "notebook", threads=0, num_blocks=blocks, device=device)
    return dataclasses.asdict(case) | {"share": share}
