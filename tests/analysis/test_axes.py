import re
from pathlib import Path

import pandas as pd

from analysis.axes import FACTORS, Labels, numeric, scale, title
from study.contract.axes import AXES, Configuration

PACKAGE = Path(__file__).parents[2] / "analysis"


def test_labels_are_as_short_as_the_study_allows() -> None:
    labels = Labels.of(pd.DataFrame({**Configuration().as_dict(), "lr": [0.01, 0.010001]}))
    assert [labels.phrase("lr", value) for value in (0.01, 0.010001)] == ["lr 0.01", "lr 0.010001"]
    assert Labels({"lr": 3}).text("lr", 0.0123456) == "0.0123"
    assert labels.text("batch_norm", True) == "yes"


def test_a_condition_is_named_by_what_varies_or_by_what_needs_saying() -> None:
    point = Configuration("conv", 1, False, 0.001, 25).as_dict()
    assert Labels().condition(point, ("num_blocks", "batch_norm")) == "1 block, no batch norm"
    assert Labels().condition(point, ()) == "conv, 1 block, no batch norm, lr 0.001, 25 epochs"
    assert Labels().condition({**point, "momentum": 0.9}, ()).endswith("25 epochs, momentum 0.9")


def test_every_factor_has_a_title_and_a_scale() -> None:
    assert [title(factor) for factor in FACTORS][-1] == "Stage"
    assert not numeric("stage")
    assert scale("stage") == "category"
    assert scale("weight_decay", [0.0, 1e-4]) == "linear", "a logarithmic axis has no 0"
    assert scale("weight_decay", [1e-5, 1e-4]) == "log"


def test_an_axis_is_added_without_touching_the_analysis() -> None:
    """Named are the epochs and the schedule where runs are parts of one, and the axes of two figures; nothing else."""
    allowed = {"statistics/families.py": {"epochs", "lr_schedule"}, "figures/catalogue.py": {"lr", "epochs"}}
    allowed["notebook.py"] = {"num_blocks"}  # in its examples
    shared = {"epochs"}  # the number of planned epochs is part of every definition
    for file in PACKAGE.rglob("*.py"):
        named = set(re.findall(r"[\"']([a-z_]+)[\"']", file.read_text())) & AXES.keys()
        assert named <= shared | allowed.get(str(file.relative_to(PACKAGE)), set()), file
