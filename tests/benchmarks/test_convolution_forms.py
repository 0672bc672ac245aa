import json
import sys

import pytest
import torch

from benchmarks import convolution_forms
from benchmarks.convolution_forms import BLOCK, PARTS, FormCase, cases_of, forms_on, measure
from benchmarks.torch_forms import grouped

FORMS = {name: form for name, (form, _) in forms_on("cpu").items() if not name.startswith(BLOCK)}


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


@pytest.mark.parametrize("case", cases_of("cpu", [2], ["float32", "bf16"], 3), ids=str)
def test_a_case_is_measured_part_by_part_and_compared(case):
    row = measure(case, times=2)
    assert row["problem"] is None
    assert set(row["milliseconds"]) == set(case.parts)
    assert min(row["milliseconds"].values()) > 0
    assert row["error"] is not None
    assert 0 < row["error"] < {"float32": 1e-5, "bf16": 2e-2}[case.precision]


def test_wrong_numbers_show(monkeypatch):
    monkeypatch.setattr(
        convolution_forms, "forms_on", lambda _: {"wrong": (lambda x, weight: grouped(x, 1.1 * weight), ())}
    )
    error = measure(FormCase("wrong", "channels last", 1, "float32", 2, "cpu"), times=1)["error"]
    assert error == pytest.approx(0.1, rel=1e-3)


def test_a_case_that_fails_says_why():
    row = measure(FormCase("grouped", "channels first", 1, "tf32", 2, "cpu"))
    assert str(row["problem"]).startswith("ValueError: precision tf32 exists on NVIDIA GPUs only")


def test_the_command_prints_a_table_and_writes_every_number(tmp_path, monkeypatch, capsys):
    file = tmp_path / "forms.json"
    arguments = ["--device", "cpu", "--replicas", "1", "--batch", "2", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["convolution_forms", *arguments])
    convolution_forms.main()
    rows = json.loads(file.read_text())
    assert len(rows) == len(cases_of("cpu", [1], ["float32"], 2))
    assert {part for row in rows for part in row["milliseconds"]} == set(PARTS)
    assert "| banded batched product | channels first |" in " ".join(capsys.readouterr().out.split())
