import pytest
import torch

from benchmarks.convolution_forms import FORMS, grouped, milliseconds


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("replicas", [1, 3])
def test_every_form_gives_the_same_numbers_and_gradients(form, replicas):
    x = torch.randn(4, replicas * 8, 12, 12, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(replicas, 8, 8, 3, 3, dtype=torch.float64, requires_grad=True)
    expected, found = grouped(x, weight), form(x, weight)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    slopes = torch.randn_like(expected)
    pairs = zip(
        torch.autograd.grad(found, (x, weight), slopes), torch.autograd.grad(expected, (x, weight), slopes), strict=True
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_form_is_timed():
    x, weight = torch.randn(2, 8, 12, 12, requires_grad=True), torch.randn(1, 8, 8, 3, 3, requires_grad=True)
    assert milliseconds(grouped, x, weight, "float32", gradients=True, times=3) > 0
