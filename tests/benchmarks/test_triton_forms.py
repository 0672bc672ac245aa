"""The Triton kernels against PyTorch: on a GPU as they are, elsewhere interpreted, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from benchmarks.torch_forms import grouped

ROOT = Path(__file__).parents[2]
pytest.importorskip("triton", reason="no Triton here: it comes with PyTorch for CUDA")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
HERE = DEVICE == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"
runs_here = pytest.mark.skipif(not HERE, reason="run by test_interpreted")
FIRST, LAST = torch.contiguous_format, torch.channels_last
CASES = [
    pytest.param(FIRST, torch.float64, 1, 3, id="channels first, float64"),
    pytest.param(LAST, torch.float64, 2, 3, id="channels last, float64"),
    pytest.param(FIRST, torch.float32, 3, 1, id="channels first, float32"),
]
if DEVICE == "cuda":  # where many programs run at once
    CASES += [pytest.param(layout, torch.float32, 16, 80, id=f"{layout}, 80 images") for layout in (FIRST, LAST)]
NO_BFLOAT16 = "Triton's interpreter multiplies matrices of bfloat16 as if they were integers"
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-4}


@pytest.mark.slow
@pytest.mark.skipif(HERE, reason="the tests below run here")
def test_interpreted():
    """Triton reads the variable when it is imported, so it cannot be set in this process."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    env = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def drawn(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))).to(
        DEVICE, dtype
    )


@runs_here
@pytest.mark.parametrize(("layout", "dtype", "replicas", "batch"), CASES)
@pytest.mark.parametrize("name", ["direct", "product"])
def test_a_form_gives_pytorchs_numbers_and_gradients(name, layout, dtype, replicas, batch):
    from benchmarks import triton_forms

    x = drawn(batch, replicas * 8, 12, 12, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    weight = drawn(replicas, 8, 8, 3, 3, dtype=dtype).requires_grad_()
    found = getattr(triton_forms, name)(x, weight)
    exact_x, exact_weight = (t.detach().double().requires_grad_() for t in (x, weight))
    expected = grouped(exact_x, exact_weight)
    slopes = drawn(*expected.shape, dtype=torch.float64)
    gradients = torch.autograd.grad(found, (x, weight), slopes.to(dtype))
    exact = torch.autograd.grad(expected, (exact_x, exact_weight), slopes)
    tolerance = TOLERANCES[dtype]
    for ours, theirs in zip((found, *gradients), (expected, *exact), strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.double(), theirs, rtol=tolerance, atol=tolerance)


@runs_here
@pytest.mark.parametrize(
    "name", ["direct", pytest.param("product", marks=pytest.mark.skipif(DEVICE == "cpu", reason=NO_BFLOAT16))]
)
def test_under_autocast_a_form_computes_in_bfloat16(name):
    from benchmarks import triton_forms

    x, weight = drawn(2, 8, 12, 12, dtype=torch.float32), drawn(1, 8, 8, 3, 3, dtype=torch.float32).requires_grad_()
    with torch.autocast(DEVICE, torch.bfloat16):
        found = getattr(triton_forms, name)(x, weight)
    assert found.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(found, weight, torch.ones_like(found))
    assert gradient.dtype == torch.float32
    expected = grouped(x.double(), weight.double())
    assert ((found - expected).norm() / expected.norm()).item() < 1e-2


@runs_here
@pytest.mark.parametrize(("layout", "dtype", "replicas", "batch"), CASES)
def test_a_fused_block_gives_pytorchs_numbers(layout, dtype, replicas, batch):
    from benchmarks import triton_forms

    x = drawn(batch, replicas * 8, 12, 12, dtype=dtype).contiguous(memory_format=layout)
    weights = [drawn(replicas, 8, 8, 3, 3, dtype=dtype) * scale for scale in (0.5, -0.7)]
    biases = [drawn(replicas, 8, dtype=dtype) * scale for scale in (1, 2)]
    found, between = triton_forms.residual_block(x, weights[0], biases[0], weights[1], biases[1])
    exact = x.double()
    middle = F.relu(grouped(exact, weights[0].double()) + biases[0].double().view(-1, 1, 1))
    out = F.relu(grouped(middle, weights[1].double()) + biases[1].double().view(-1, 1, 1) + exact)
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(between.double(), middle, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(found.double(), out, rtol=tolerance, atol=tolerance)
