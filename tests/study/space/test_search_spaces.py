"""The space files of this project."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from study.contract.axes import Configuration
from study.space import Study, configurations, load_study

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "search_spaces"
NAMES = (
    "quickstart",
    "depth",
    "batch_norm",
    "learning_rate",
    "epochs",
    "residual_vs_conv",
    "recipe",
    "joint",
    "notebook",
    "spread",
)
NOTEBOOK = Configuration("residual", 10, False, 0.01, 25)


def load(name: str) -> Study:
    return load_study(FOLDER / f"{name}.yaml")


def test_these_are_all() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_valid_for_the_models_and_the_schema_and_says_what_it_asks(name: str) -> None:
    study = load(name)
    assert study.name == name
    assert study.question.endswith("?")
    assert study.compare.across is not None
    file = FOLDER / f"{name}.yaml"
    first, second = file.read_text(encoding="utf-8").splitlines()[:2]
    assert first == "# yaml-language-server: $schema=schema.json"
    assert second.startswith("# ")
    content: Any = YAML(typ="safe").load(file)
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    # What a results directory holds is a space file too.
    written: Any = YAML(typ="safe").load(study.to_yaml())
    jsonschema.Draft202012Validator(schema).validate(written)


@pytest.mark.parametrize(
    ("name", "trials"),
    [
        ("quickstart", 4),
        ("depth", 10),
        ("batch_norm", 4),
        ("learning_rate", 20),
        ("epochs", 6),
        ("residual_vs_conv", 4),
        ("recipe", 6),
        ("notebook", 4),
        ("spread", 5),
    ],
)
def test_the_grids(name: str, trials: int) -> None:
    found = configurations(load(name))
    assert len(found) == len(set(found)) == trials
    assert (NOTEBOOK in found) == (name != "quickstart")


def test_depth_is_the_question_of_the_design() -> None:
    study = load("depth")
    assert study.space.axes["num_blocks"].values == (1, 3, 5, 10, 20)
    assert study.space.axes["batch_norm"].values == (False, True)
    assert study.compare.model_dump() == {
        "across": "num_blocks",
        "within": "batch_norm",
        "baseline": {"num_blocks": 10, "batch_norm": False},
        "meaningful_difference": 1.0,
        "measure": "final",
        "thresholds": (40, 50, 55, 60),
        "questions": (),
    }


def test_residual_vs_conv_declares_the_notebooks_comparison() -> None:
    question = load("residual_vs_conv").compare.questions[0]
    assert question.a == {"block": "residual", "batch_norm": False}
    assert question.b == {"block": "conv", "batch_norm": True}


def test_joint_selects_on_validation_accuracy() -> None:
    study = load("joint")
    assert (study.search.algorithm, study.scheduler.name, study.validation) == ("optuna", "asha", 5000)


def test_recipe_begins_with_the_notebooks_and_changes_nothing_but_how_it_is_trained() -> None:
    first, *others = configurations(load("recipe"))
    assert first == NOTEBOOK
    assert all(each.shape == NOTEBOOK.shape for each in others)


def test_quickstart_needs_no_download() -> None:
    assert load("quickstart").data == "digits"


def test_reading_a_study_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from study.space import configurations, load_study; "
        "configurations(load_study(Path(sys.argv[1]))); "
        "print({'torch', 'ray', 'numpy', 'pandas', 'optuna', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(FOLDER / "depth.yaml")]
    assert subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout == "set()\n"
