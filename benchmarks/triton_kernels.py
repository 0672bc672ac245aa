"""The Triton kernels of triton_forms.py: where each number lies, and what each kernel does with it.

- A pixel of an image is p = 12 * y + x, and number n = 144 * image + p counts the pixels of the whole batch. A program
  has a tile of consecutive n, of one replica.
- Channels first, images lie as (B, R, 8, 144): channel c of replica r is at 1152 * R * image + 144 * (8 * r + c) + p.
  Channels last, as (B, 144, R, 8): at 1152 * R * image + 8 * R * p + 8 * r + c. Three strides, of an image, a channel
  and a pixel, say which of the two it is. Consecutive n are neighbours in memory in the first, consecutive c in the
  second.
- A tap t = 3 * ky + kx reads the pixel n + 12 * (ky - 1) + (kx - 1), zero where that leaves the image.
- Weights lie as (R, 8 out, 8 in, 9 taps): at 576 * r + 72 * out + 9 * in + t. The input gradient is the convolution of
  the output's gradient with the same weights turned round: out and in change places, and tap 8 - t stands for tap t.

Positions have 32 bits: 1152 * R * B must stay below 2**31, which is R below 14,000 for batches of 128.

OPERAND is the type that products are taken of, SUM that of sums, PRECISION what ``tl.dot`` does with float32: "ieee"
multiplies and adds, "tf32" uses tensor cores.
"""
# ruff: noqa: N803 (Triton's constants are in capitals)
# Numbers become Triton's constexpr only when a kernel is compiled.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportGeneralTypeIssues=false

import triton
import triton.language as tl


@triton.jit
def _place(numbers, batch):
    """Image, pixel, row and column of the pixels with these numbers, and whether they exist."""
    image = numbers // 144
    pixel = numbers % 144
    return image, pixel, pixel // 12, pixel % 12, image < batch


@triton.jit(do_not_specialize=["batch"])
def direct_kernel(
    source,
    weight,
    out,
    batch,
    source_image,
    source_channel,
    source_pixel,
    out_image,
    out_channel,
    out_pixel,
    GRADIENT: tl.constexpr,
    SUM: tl.constexpr,
    TILE: tl.constexpr,
):
    """Multiply and add in SUM: a tile of pixels by 8 outputs, a weight at a time, each read pixel used 8 times."""
    replica = tl.program_id(1)
    image, pixel, y, x, exists = _place(tl.program_id(0) * TILE + tl.arange(0, TILE), batch)
    source += image * source_image + replica * 8 * source_channel + pixel * source_pixel
    weight += replica * 576
    of_sum: tl.constexpr = 72 if GRADIENT else 9  # the gradient sums over the outputs, for each input
    of_result: tl.constexpr = 9 if GRADIENT else 72
    sum0 = tl.zeros([TILE], SUM)
    sum1 = tl.zeros([TILE], SUM)
    sum2 = tl.zeros([TILE], SUM)
    sum3 = tl.zeros([TILE], SUM)
    sum4 = tl.zeros([TILE], SUM)
    sum5 = tl.zeros([TILE], SUM)
    sum6 = tl.zeros([TILE], SUM)
    sum7 = tl.zeros([TILE], SUM)
    for channel in range(8):
        for tap in tl.static_range(9):
            dy = tap // 3 - 1
            dx = tap % 3 - 1
            inside = exists & (y + dy >= 0) & (y + dy < 12) & (x + dx >= 0) & (x + dx < 12)
            at = source + channel * source_channel + (12 * dy + dx) * source_pixel
            value = tl.load(at, mask=inside, other=0).to(SUM)
            taps = weight + channel * of_sum + (8 - tap if GRADIENT else tap)
            sum0 += tl.load(taps).to(SUM) * value
            sum1 += tl.load(taps + of_result).to(SUM) * value
            sum2 += tl.load(taps + 2 * of_result).to(SUM) * value
            sum3 += tl.load(taps + 3 * of_result).to(SUM) * value
            sum4 += tl.load(taps + 4 * of_result).to(SUM) * value
            sum5 += tl.load(taps + 5 * of_result).to(SUM) * value
            sum6 += tl.load(taps + 6 * of_result).to(SUM) * value
            sum7 += tl.load(taps + 7 * of_result).to(SUM) * value
    out += image * out_image + replica * 8 * out_channel + pixel * out_pixel
    tl.store(out, sum0, mask=exists)
    tl.store(out + out_channel, sum1, mask=exists)
    tl.store(out + 2 * out_channel, sum2, mask=exists)
    tl.store(out + 3 * out_channel, sum3, mask=exists)
    tl.store(out + 4 * out_channel, sum4, mask=exists)
    tl.store(out + 5 * out_channel, sum5, mask=exists)
    tl.store(out + 6 * out_channel, sum6, mask=exists)
    tl.store(out + 7 * out_channel, sum7, mask=exists)


@triton.jit
def _columns(k, PAIR: tl.constexpr):
    """Of 16 columns, two taps of 8 channels: tap and channel. Five pairs cover the nine taps; the tenth is empty."""
    return 2 * PAIR + k // 8, k % 8


@triton.jit
def _inside(y, x, tap):
    """Whether the tap reads a pixel of the image, and where from the pixel itself."""
    dy = tap // 3 - 1
    dx = tap % 3 - 1
    inside = (tap < 9) & (y + dy >= 0) & (y + dy < 12) & (x + dx >= 0) & (x + dx < 12)
    return inside, 12 * dy + dx


@triton.jit
def _product(
    source,  # of the replica's first channel
    weight,  # of the replica
    numbers,  # (T,)
    batch,
    source_image,
    source_channel,
    source_pixel,
    GRADIENT: tl.constexpr,
    OPERAND: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """The convolution at these pixels, (T, 8): their patches, (T, 72), times the weights, (72, 8).

    A product's sides are powers of two and 16 at least, so the 72 go in five steps of two taps.
    """
    image, pixel, y, x, exists = _place(numbers, batch)
    start = (source + image * source_image + pixel * source_pixel)[:, None]
    k = tl.arange(0, 16)
    result = tl.arange(0, 8)[None, :]
    of_sum: tl.constexpr = 72 if GRADIENT else 9
    of_result: tl.constexpr = 9 if GRADIENT else 72
    total = tl.zeros([numbers.shape[0], 8], SUM)
    for pair in tl.static_range(5):
        tap, channel = _columns(k, pair)
        inside, step = _inside(y[:, None], x[:, None], tap[None, :])
        at = start + channel[None, :] * source_channel + step * source_pixel
        patches = tl.load(at, mask=exists[:, None] & inside, other=0)
        turned = (8 - tap if GRADIENT else tap)[:, None]
        taps = weight + result * of_result + channel[:, None] * of_sum + turned
        weights = tl.load(taps, mask=(tap < 9)[:, None] & (result < 8), other=0)
        total = tl.dot(patches.to(OPERAND), weights.to(OPERAND), total, input_precision=PRECISION, out_dtype=SUM)
    return total


@triton.jit(do_not_specialize=["batch"])
def product_kernel(
    source,
    weight,
    out,
    batch,
    source_image,
    source_channel,
    source_pixel,
    out_image,
    out_channel,
    out_pixel,
    GRADIENT: tl.constexpr,
    OPERAND: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
    TILE: tl.constexpr,
):
    """A tile of pixels as a product of matrices, for tensor cores."""
    replica = tl.program_id(1)
    numbers = tl.program_id(0) * TILE + tl.arange(0, TILE)
    total = _product(
        source + replica * 8 * source_channel,
        weight + replica * 576,
        numbers,
        batch,
        source_image,
        source_channel,
        source_pixel,
        GRADIENT,
        OPERAND,
        SUM,
        PRECISION,
    )
    image = numbers // 144
    channel = replica * 8 + tl.arange(0, 8)
    at = (out + image * out_image + numbers % 144 * out_pixel)[:, None] + channel[None, :] * out_channel
    tl.store(at, total, mask=(image < batch)[:, None])


@triton.jit
def _weight_sum(
    total,
    start,
    slopes,
    y,
    x,
    exists,
    source_channel,
    source_pixel,
    PAIR: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Add to (16, 8), two taps of 8 inputs by 8 outputs, what a tile of T pixels gives: (16, T) times (T, 8)."""
    tap, channel = _columns(tl.arange(0, 16), PAIR)
    inside, step = _inside(y[None, :], x[None, :], tap[:, None])
    at = start[None, :] + channel[:, None] * source_channel + step * source_pixel
    patches = tl.load(at, mask=exists[None, :] & inside, other=0).to(slopes.dtype)
    return tl.dot(patches, slopes, total, input_precision=PRECISION, out_dtype=SUM)


@triton.jit
def _store_taps(out, total, PAIR: tl.constexpr):
    tap, channel = _columns(tl.arange(0, 16), PAIR)
    result = tl.arange(0, 8)[None, :]
    at = out + result * 72 + channel[:, None] * 9 + tap[:, None]
    tl.store(at, total, mask=(tap < 9)[:, None] & (result < 8))


@triton.jit(do_not_specialize=["batch", "tiles"])
def weight_kernel(
    source,
    gradient,
    out,
    batch,
    tiles,
    source_image,
    source_channel,
    source_pixel,
    gradient_image,
    gradient_channel,
    gradient_pixel,
    OPERAND: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
    TILE: tl.constexpr,
):
    """A part of a replica's weight gradient, from so many tiles of pixels: out is (parts, R, 8, 8, 9).

    The parts are added afterwards, always in the same order, so that the same inputs give the same bits.
    """
    part = tl.program_id(0)
    replica = tl.program_id(1)
    source += replica * 8 * source_channel
    channels = tl.arange(0, 8)[None, :] * gradient_channel
    gradient += replica * 8 * gradient_channel
    total0 = tl.zeros([16, 8], SUM)
    total1 = tl.zeros([16, 8], SUM)
    total2 = tl.zeros([16, 8], SUM)
    total3 = tl.zeros([16, 8], SUM)
    total4 = tl.zeros([16, 8], SUM)
    for tile in range(part * tiles, (part + 1) * tiles):
        image, pixel, y, x, exists = _place(tile * TILE + tl.arange(0, TILE), batch)
        at = gradient + image * gradient_image + pixel * gradient_pixel
        slopes = tl.load(at[:, None] + channels, mask=exists[:, None], other=0).to(OPERAND)
        start = source + image * source_image + pixel * source_pixel
        total0 = _weight_sum(total0, start, slopes, y, x, exists, source_channel, source_pixel, 0, SUM, PRECISION)
        total1 = _weight_sum(total1, start, slopes, y, x, exists, source_channel, source_pixel, 1, SUM, PRECISION)
        total2 = _weight_sum(total2, start, slopes, y, x, exists, source_channel, source_pixel, 2, SUM, PRECISION)
        total3 = _weight_sum(total3, start, slopes, y, x, exists, source_channel, source_pixel, 3, SUM, PRECISION)
        total4 = _weight_sum(total4, start, slopes, y, x, exists, source_channel, source_pixel, 4, SUM, PRECISION)
    out += (part * tl.num_programs(1) + replica) * 576
    _store_taps(out, total0, 0)
    _store_taps(out, total1, 1)
    _store_taps(out, total2, 2)
    _store_taps(out, total3, 3)
    _store_taps(out, total4, 4)


@triton.jit(do_not_specialize=["batch"])
def block_kernel(
    source,
    weight1,
    bias1,
    weight2,
    bias2,
    middle,
    out,
    batch,
    stride_image,
    stride_channel,
    stride_pixel,
    OPERAND: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
    TILE: tl.constexpr,
    IMAGES: tl.constexpr,
):
    """relu(x + conv2(middle)) with middle = relu(conv1(x)), of IMAGES images (a multiple of TILE pixels) of a replica.

    The middle goes to memory, where the backward pass will want it, and is read again by the same program, after a
    barrier: from the first-level cache. All four tensors of images have the same strides.
    """
    replica = tl.program_id(1)
    first = tl.program_id(0) * IMAGES * 144
    channels = tl.arange(0, 8)[None, :]
    source += replica * 8 * stride_channel
    middle += replica * 8 * stride_channel
    out += replica * 8 * stride_channel
    weight1 += replica * 576
    weight2 += replica * 576
    offset1 = tl.load(bias1 + replica * 8 + channels).to(SUM)
    offset2 = tl.load(bias2 + replica * 8 + channels).to(SUM)
    for tile in range(IMAGES * 144 // TILE):
        numbers = first + tile * TILE + tl.arange(0, TILE)
        total = _product(
            source, weight1, numbers, batch, stride_image, stride_channel, stride_pixel, False, OPERAND, SUM, PRECISION
        )
        at = (numbers // 144 * stride_image + numbers % 144 * stride_pixel)[:, None] + channels * stride_channel
        tl.store(middle + at, tl.maximum(total + offset1, 0), mask=(numbers // 144 < batch)[:, None])
    tl.debug_barrier()
    for tile in range(IMAGES * 144 // TILE):
        numbers = first + tile * TILE + tl.arange(0, TILE)
        total = _product(
            middle, weight2, numbers, batch, stride_image, stride_channel, stride_pixel, False, OPERAND, SUM, PRECISION
        )
        at = (numbers // 144 * stride_image + numbers % 144 * stride_pixel)[:, None] + channels * stride_channel
        exists = (numbers // 144 < batch)[:, None]
        total += offset2 + tl.load(source + at, mask=exists, other=0).to(SUM)
        tl.store(out + at, tl.maximum(total, 0), mask=exists)
