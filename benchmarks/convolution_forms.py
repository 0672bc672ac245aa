"""Ways to compute R replicas' 3x3 convolutions of 8 channels, timed against each other: what a GPU's design rests on.

    python -m benchmarks.convolution_forms [--device cuda] [--replicas 1 8 32 128] [--precision float32 tf32 bf16]

One row a form, number of replicas and precision: milliseconds of a forward pass, and of forward and gradients, the
medians of several repetitions, for a batch of 128 images of 12 x 12. All forms give the same numbers (a test holds it).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from study.training.precision import autocast, set_precision

CHANNELS, SIDE = 8, 12
Form = Callable[[Tensor, Tensor], Tensor]


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """(B, R * 8, 12, 12) with weights (R, 8, 8, 3, 3): a convolution of R groups."""
    return F.conv2d(x, weight.flatten(0, 1), padding=1, groups=len(weight))


def grouped_channels_last(x: Tensor, weight: Tensor) -> Tensor:
    """The same with the channels of a pixel side by side; images that lie so already are not copied."""
    return grouped(x.contiguous(memory_format=torch.channels_last), weight)


def unfolded(x: Tensor, weight: Tensor) -> Tensor:
    """Every pixel's 72 inputs as a column, and a batched product of matrices (8 x 72) with them."""
    batch, replicas = len(x), len(weight)
    columns = F.unfold(x, 3, padding=1).view(batch, replicas, CHANNELS * 9, SIDE * SIDE)
    products = weight.flatten(2) @ columns  # (R, 8, 72) @ (B, R, 72, 144)
    return products.reshape(batch, replicas * CHANNELS, SIDE, SIDE)


def banded(x: Tensor, weight: Tensor) -> Tensor:
    """A row of outputs as one product with the weights scattered into a band.

    Three padded input rows (3 * 14 * 8 numbers) give a row of outputs (12 * 8): 4.7 times the operations, in shapes
    that suit tensor cores.
    """
    batch, replicas = len(x), len(weight)
    padded = F.pad(x, (1, 1, 1, 1)).view(batch, replicas, CHANNELS, SIDE + 2, SIDE + 2)
    rows = padded.unfold(3, 3, 1)  # (B, R, 8, 12 rows, 14, 3): the three rows of each row of outputs
    rows = rows.permute(1, 0, 3, 5, 4, 2).reshape(replicas, batch * SIDE, 3 * (SIDE + 2) * CHANNELS)
    band = weight.new_zeros(replicas, 3, SIDE + 2, CHANNELS, SIDE, CHANNELS)
    at = torch.arange(SIDE, device=x.device)
    for kx in range(3):  # input column x + kx feeds output column x
        taps = weight[:, :, :, :, kx].permute(0, 3, 2, 1)  # (R, ky, in, out)
        band[:, :, at + kx, :, at, :] = taps.expand(SIDE, *taps.shape)
    products = torch.bmm(rows, band.view(replicas, 3 * (SIDE + 2) * CHANNELS, SIDE * CHANNELS))
    products = products.view(replicas, batch, SIDE, SIDE, CHANNELS)
    return products.permute(1, 0, 4, 2, 3).reshape(batch, replicas * CHANNELS, SIDE, SIDE)


FORMS: dict[str, Form] = {
    "grouped, channels first": grouped,
    "grouped, channels last": grouped_channels_last,
    "unfold and batched product": unfolded,
    "banded batched product": banded,
}


def milliseconds(form: Form, x: Tensor, weight: Tensor, precision: str, *, gradients: bool, times: int = 20) -> float:
    """Of one pass: on a CPU the median of some; on CUDA the mean of a graph's replays, as training replays steps."""

    def once() -> None:
        with autocast(precision, x.device):
            out = form(x, weight)
        if gradients:
            torch.autograd.grad(out.float().sum(), (x, weight))

    return _replayed(once, times) if x.device.type == "cuda" else _one_by_one(once, times)


def _one_by_one(once: Callable[[], None], times: int) -> float:
    seconds = []
    for _ in range(times + 3):
        start = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds[3:])


def _replayed(once: Callable[[], None], times: int) -> float:
    """Without what it costs to launch kernels one by one, which a training step in a graph does not pay either."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        once()
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    graph.replay()
    began.record()
    for _ in range(times):
        graph.replay()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=("float32", "tf32", "bf16"))
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    device = torch.device(options.device)
    print("| form | replicas | precision | forward ms | forward and gradients ms |\n| --- | --- | --- | --- | --- |")
    for precision in options.precision:
        set_precision(precision, device)
        for replicas in options.replicas:
            x = torch.randn(options.batch, replicas * CHANNELS, SIDE, SIDE, device=device, requires_grad=True)
            weight = torch.randn(replicas, CHANNELS, CHANNELS, 3, 3, device=device, requires_grad=True)
            for name, form in FORMS.items():
                last = form is grouped_channels_last
                layout = torch.channels_last if last else torch.contiguous_format
                laid = x.detach().contiguous(memory_format=layout).requires_grad_()
                forward, both = (milliseconds(form, laid, weight, precision, gradients=g) for g in (False, True))
                print(f"| {name} | {replicas} | {precision} | {forward:.3f} | {both:.3f} |", flush=True)


if __name__ == "__main__":
    main()
