"""R replicas' 3x3 convolutions of 8 channels by Triton kernels: candidates for a GPU, timed by convolution_forms.py.

``direct`` and ``product`` are two ways to compute a convolution and its input gradient; the weight gradient of both is
one kernel. ``residual_block`` is a whole block's forward pass in one launch. Images are (B, R * 8, 12, 12), channels
first or last in memory; weights (R, 8, 8, 3, 3), as in study.training.network. Any of float32, float64 and bfloat16;
sums in float32, or float64 of float64.

Triton comes with PyTorch for CUDA. With TRITON_INTERPRET=1 in the environment before this module is imported, the
kernels run on a CPU, slowly: that is how they are tested without a GPU.
"""

# Numbers become Triton's constexpr only when a kernel is compiled.
# pyright: reportArgumentType=false

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from benchmarks.triton_kernels import block_kernel, direct_kernel, product_kernel, weight_kernel

CHANNELS, SIDE = 8, 12
PIXELS = SIDE * SIDE
# Pixels of a program, and its warps. Direct: 8 pixels with 8 sums each a thread, or 2 where channels lie last, whose
# positions take more registers. Products: 128 x 16 by 16 x 8 for four warps; of the weight gradient 16 x 64 by 64 x 8,
# enough for one warp (without tensor cores half of it, or the registers do not suffice). Loads ahead of their use
# (num_stages) would fill the shared memory and leave room for few programs.
DIRECT = {"TILE": 1024, "num_warps": 4}
DIRECT_LAST = {"TILE": 256, "num_warps": 4}
PRODUCT = {"TILE": 128, "num_warps": 4}
WEIGHT = {"TILE": 64, "num_warps": 1, "num_stages": 1}
WEIGHT_BY_ADDITIONS = WEIGHT | {"TILE": 32}
# The block's images of a program: 128 and 80 are both multiples of 16, and 16 images are 18 tiles.
BLOCK = {"TILE": 128, "IMAGES": 16, "num_warps": 4, "num_stages": 1}
# Programs that a weight gradient is divided among: 16 for each of an H100's 132 multiprocessors.
_WEIGHT_PROGRAMS = 2112


def direct(x: Tensor, weight: Tensor) -> Tensor:
    """Multiplications and additions in float32, whatever the precision; a Form of convolution_forms.py."""
    return _Convolution.apply(_cast(x), weight, "direct", _precision(x))


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Patches times weights, on tensor cores in TF32 and bfloat16; a Form of convolution_forms.py."""
    return _Convolution.apply(_cast(x), weight, "product", _precision(x))


def residual_block(x: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> tuple[Tensor, Tensor]:
    """A residual block's forward pass, batch norm folded into weights and biases (R, 8); without gradients.

    Returns:
        The block's output, and what lies between its convolutions, which a backward pass would need.
    """
    x = _cast(x)
    middle, out = torch.empty_like(x), torch.empty_like(x)
    assert x.stride() == middle.stride() == out.stride()
    grid = (triton.cdiv(len(x), BLOCK["IMAGES"]), len(weight1))
    block_kernel[grid](
        x,
        weight1.contiguous(),
        bias1.contiguous(),
        weight2.contiguous(),
        bias2.contiguous(),
        middle,
        out,
        len(x),
        *_strides(x),
        **_arithmetic(x, _precision(x)),
        **BLOCK,
    )
    return out, middle


def block(x: Tensor, weight: Tensor) -> Tensor:
    """``residual_block`` with the arguments of a Form: the same weights in both convolutions, and no biases."""
    zeros = weight.new_zeros(len(weight), CHANNELS)
    return residual_block(x, weight, zeros, weight, zeros)[0]


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, form: str, precision: str) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.form, ctx.precision = form, precision
        return _convolved(x, weight, form, precision, gradient=False)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        (gradient,) = slopes
        gradient = gradient.contiguous(memory_format=_format(x))
        of_x = _convolved(gradient, weight, ctx.form, ctx.precision, gradient=True) if ctx.needs_input_grad[0] else None
        of_weight = _weight_gradient(x, gradient, weight, ctx.precision) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, None, None


def _convolved(x: Tensor, weight: Tensor, form: str, precision: str, *, gradient: bool) -> Tensor:
    out = torch.empty_like(x)
    arguments = x, weight.contiguous(), out, len(x), *_strides(x), *_strides(out)
    last = _format(x) is torch.channels_last
    settings = PRODUCT if form == "product" else DIRECT_LAST if last else DIRECT
    grid = (triton.cdiv(len(x) * PIXELS, settings["TILE"]), len(weight))
    arithmetic = _arithmetic(x, precision)
    if form == "direct":
        direct_kernel[grid](*arguments, GRADIENT=gradient, SUM=arithmetic["SUM"], **settings)
    else:
        product_kernel[grid](*arguments, GRADIENT=gradient, **arithmetic, **settings)
    return out


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor, precision: str) -> Tensor:
    arithmetic = _arithmetic(x, precision)
    settings = WEIGHT_BY_ADDITIONS if precision == "float32" else WEIGHT
    tiles = triton.cdiv(len(x) * PIXELS, settings["TILE"])
    each = triton.cdiv(tiles, max(1, _WEIGHT_PROGRAMS // len(weight)))
    parts = triton.cdiv(tiles, each)
    sums = torch.float64 if x.dtype == torch.float64 else torch.float32
    out = torch.empty(parts, *weight.shape, dtype=sums, device=x.device)
    strides = *_strides(x), *_strides(gradient)
    weight_kernel[(parts, len(weight))](x, gradient, out, len(x), each, *strides, **arithmetic, **settings)
    return out.sum(0).to(weight.dtype)


def _arithmetic(x: Tensor, precision: str) -> dict[str, Any]:
    if precision == "bf16":
        return {"OPERAND": tl.bfloat16, "SUM": tl.float32, "PRECISION": "ieee"}
    kind = tl.float64 if x.dtype == torch.float64 else tl.float32
    return {"OPERAND": kind, "SUM": kind, "PRECISION": "tf32" if precision == "tf32" else "ieee"}


def _precision(x: Tensor) -> str:
    """What study.training.precision has set: bf16 under autocast, tf32, or float32."""
    if x.dtype == torch.bfloat16 or torch.is_autocast_enabled(x.device.type):
        return "bf16"
    matmul = torch.backends.cuda.matmul
    allowed = matmul.fp32_precision == "tf32" if hasattr(matmul, "fp32_precision") else matmul.allow_tf32
    return "tf32" if allowed and x.dtype == torch.float32 else "float32"


def _cast(x: Tensor) -> Tensor:
    """In bfloat16 under autocast, as PyTorch's own convolutions are."""
    return x.to(torch.bfloat16) if torch.is_autocast_enabled(x.device.type) else x


def _format(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _strides(x: Tensor) -> tuple[int, int, int]:
    """Of an image, a channel and a pixel."""
    image, channel, row, pixel = x.stride()
    assert row == SIDE * pixel, f"rows of {x.shape} with strides {x.stride()} do not follow each other"
    return image, channel, pixel
