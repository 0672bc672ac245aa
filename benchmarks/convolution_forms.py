"""Ways to compute R replicas' 3x3 convolutions of 8 channels, timed against each other: what a GPU's design rests on.

    python -m benchmarks.convolution_forms [--device cuda] [--replicas 1 8 32 128] [--precision float32 tf32 bf16]
        [--json FILE]

One row a form, layout of the images in memory, number of replicas and precision: milliseconds of a forward pass, of the
input gradient and of the weight gradient, each by itself, for a batch of 128 images of 12 x 12; and how far the numbers
are from those in float64. On CUDA the forms of triton_forms.py take part. The last rows are a residual block's forward
pass. A few replicas' images fit into a GPU's cache, where a training of ten blocks does not keep them: trust the rows
of many replicas.
"""

import argparse
import dataclasses
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from benchmarks import torch_forms
from benchmarks.tables import markdown
from study.training.precision import autocast, set_precision

Form = Callable[[Tensor, Tensor], Tensor]
FORWARD, OF_INPUT, OF_WEIGHT = "forward", "input gradient", "weight gradient"
PARTS = (FORWARD, OF_INPUT, OF_WEIGHT)
LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
BOTH, FIRST_ONLY = tuple(LAYOUTS), ("channels first",)
BLOCK = "residual block: "
# Images of a batch whose numbers are compared with those in float64.
_COMPARED = 8


@dataclasses.dataclass(frozen=True)
class FormCase:
    """A row of the table."""

    form: str
    layout: str
    replicas: int
    precision: str
    batch: int
    device: str

    @property
    def parts(self) -> tuple[str, ...]:
        """What is timed."""
        return PARTS[:1] if self.form.startswith(BLOCK) else PARTS


class FormRow(TypedDict):
    """What was measured of a case: its fields, milliseconds of its parts, or the problem.

    error is the largest distance of its parts' numbers from those in float64, relative to these (Euclidean norms).
    """

    case: dict[str, Any]
    milliseconds: dict[str, float]
    error: float | None
    problem: str | None


def forms_on(device: str) -> dict[str, tuple[Form, tuple[str, ...]]]:
    """The forms by name, each with the layouts that it is worth to be timed in."""
    forms: dict[str, tuple[Form, tuple[str, ...]]] = {
        "grouped": (torch_forms.grouped, BOTH),
        "unfold and batched product": (torch_forms.unfolded, FIRST_ONLY),
        "banded batched product": (torch_forms.banded, FIRST_ONLY),
        f"{BLOCK}grouped": (torch_forms.block, BOTH),
    }
    if torch.device(device).type == "cuda" and importlib.util.find_spec("triton"):
        from benchmarks import triton_forms  # Triton is not everywhere

        forms |= {
            "Triton, direct": (triton_forms.direct, BOTH),
            "Triton, product": (triton_forms.product, BOTH),
            f"{BLOCK}Triton, one kernel": (triton_forms.block, BOTH),
        }
    return forms


def cases_of(device: str, replicas: Sequence[int], precisions: Sequence[str], batch: int) -> list[FormCase]:
    """All rows, those of whole blocks last."""
    forms = sorted(forms_on(device).items(), key=lambda item: item[0].startswith(BLOCK))
    return [
        FormCase(name, layout, count, precision, batch, device)
        for name, (_, layouts) in forms
        for precision in precisions
        if (name, precision) != ("Triton, direct", "tf32")  # the same as in float32
        for count in replicas
        for layout in layouts
    ]


def measure(case: FormCase, times: int = 20) -> FormRow:
    """Time a case; what it could not be measured for is its problem, and no reason to stop."""
    row: FormRow = {"case": dataclasses.asdict(case), "milliseconds": {}, "error": None, "problem": None}
    try:
        set_precision(case.precision, torch.device(case.device))
        form, _ = forms_on(case.device)[case.form]
        x, weight = inputs(case)
        row["error"] = error_of(form, x[:_COMPARED], weight, case)
        for part in case.parts:
            row["milliseconds"][part] = milliseconds(form, x, weight, case.precision, part, times)
    except Exception as error:
        row["problem"] = f"{type(error).__name__}: {error}"
    return row


def inputs(case: FormCase) -> tuple[Tensor, Tensor]:
    """Images and weights at random; images in bfloat16 where a network would hand them on so."""
    dtype = torch.bfloat16 if case.precision == "bf16" else torch.float32
    channels, side = torch_forms.CHANNELS, torch_forms.SIDE
    x = torch.randn(case.batch, case.replicas * channels, side, side, device=case.device, dtype=dtype)
    weight = torch.randn(case.replicas, channels, channels, 3, 3, device=case.device) / 8
    return x.contiguous(memory_format=LAYOUTS[case.layout]), weight


def error_of(form: Form, x: Tensor, weight: Tensor, case: FormCase) -> float:
    """See ``FormRow``."""
    exact = torch_forms.block if case.form.startswith(BLOCK) else torch_forms.grouped
    pairs = [(form, x, weight), (exact, x.double(), weight.double())]
    slopes = torch.randn_like(x)
    ours, theirs = (
        [_work(f, a, b, case.precision if f is form else "float64", part, slopes)() for part in case.parts]
        for f, a, b in pairs
    )
    distances = [((a - b).norm() / b.norm()).item() for a, b in zip(ours, theirs, strict=True)]
    return max(distances)


def milliseconds(form: Form, x: Tensor, weight: Tensor, precision: str, part: str, times: int = 20) -> float:
    """Of one part: on a CPU the median of some; on CUDA the mean of a graph's replays, as training replays steps."""
    if x.device.type != "cuda":
        return _one_by_one(_work(form, x, weight, precision, part), times)
    # The forward pass goes on the stream of the capture too: a backward pass runs where its forward pass did.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        return _replayed(_work(form, x, weight, precision, part), times, stream)


def _work(
    form: Form, x: Tensor, weight: Tensor, precision: str, part: str, slopes: Tensor | None = None
) -> Callable[[], Tensor]:
    """Computes the part and nothing else, as often as it is called."""
    x, weight = x.detach(), weight.detach()
    wanted = {FORWARD: None, OF_INPUT: x, OF_WEIGHT: weight}[part]

    def forward() -> Tensor:
        with autocast(precision, x.device):
            return form(x, weight)

    if wanted is None:
        return forward
    wanted.requires_grad_()
    out = forward()
    slopes = torch.randn_like(out) if slopes is None else slopes.to(out.dtype)
    return lambda: torch.autograd.grad(out, wanted, slopes, retain_graph=True)[0]


def _one_by_one(work: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times + 3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds[3:])


def _replayed(work: Callable[[], object], times: int, stream: "torch.cuda.Stream") -> float:
    """Without what it costs to launch kernels one by one, which a training step in a graph does not pay either."""
    for _ in range(3):
        work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    graph.replay()
    began.record()
    for _ in range(times):
        graph.replay()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) / times


def table(rows: Sequence[FormRow]) -> str:
    """In Markdown."""
    headings = ("form", "layout", "replicas", "precision", *(f"{part} ms" for part in PARTS), "sum", "error")
    return markdown(headings, [_cells(row) for row in rows])


def _cells(row: FormRow) -> list[str]:
    case, found = row["case"], row["milliseconds"]
    cells = [str(case[name]) for name in ("form", "layout", "replicas", "precision")]
    if row["problem"]:
        return [*cells, f"not measured: {row['problem'].splitlines()[0]}", "", "", "", ""]
    error = "" if row["error"] is None else f"{row['error']:.1e}"
    times = [f"{found[part]:.3f}" if part in found else "" for part in PARTS]
    return [*cells, *times, f"{sum(found.values()):.3f}", error]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=("float32", "tf32", "bf16"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--json", type=Path, metavar="FILE", help="all numbers, written anew after each row")
    options = parser.parse_args()
    rows: list[FormRow] = []
    for case in cases_of(options.device, options.replicas, options.precision, options.batch):
        rows.append(measure(case))
        print(" | ".join(_cells(rows[-1])), flush=True)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
