"""The schema for editors."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from study.contract.axes import AXES, Value, number
from study.space import Study
from study.space.schema import schema_text

FILE = Path(__file__).parents[3] / "search_spaces" / "schema.json"
SCHEMA: dict[str, Any] = json.loads(schema_text())


def properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name, each in node.get("properties", {}).items():
            yield f"{path}.{name}", each
        for key, each in node.items():
            yield from properties(each, f"{path}.{key}")
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from properties(each, f"{path}[{number}]")


def test_the_file_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m study.space.schema search_spaces/schema.json"
    )


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    subprocess.run([sys.executable, "-m", "study.space.schema", str(file)], check=True, cwd=FILE.parents[1])
    assert file.read_text(encoding="utf-8") == schema_text()


def test_it_is_a_schema_and_every_key_is_described() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = dict(properties(SCHEMA))
    assert set(Study.model_fields) <= {path.removeprefix(".") for path in found}
    assert set(AXES) <= {path.rpartition(".")[2] for path in found}
    assert [path for path, each in found.items() if not each.get("description")] == []


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"$schema": "schema.json"}, []),
        ({"quetion": "x"}, []),
        ({"space": {"blok": "conv"}}, ["space"]),
        ({"space": {"block": "residul"}}, ["space", "block"]),
        ({"space": {"num_blocks": {"grid": []}}}, ["space", "num_blocks"]),
        ({"space": {"num_blocks": {"grid": [1, 1]}}}, ["space", "num_blocks"]),
        ({"space": {"num_blocks": {"uniform": [1, 2]}}}, ["space", "num_blocks"]),
        ({"space": {"lr": {"uniform": [1]}}}, ["space", "lr"]),
        ({"space": {"lr": -1}}, ["space", "lr"]),
        ({"space": {"epochs": 0}}, ["space", "epochs"]),
        ({"search": {"algorithm": "random"}}, ["search"]),
        ({"search": {"algorithm": "grid", "samples": 3}}, ["search"]),
        ({"scheduler": {"name": "ashe"}}, ["scheduler"]),
        ({"seeds": []}, ["seeds"]),
        ({"resources": {"gpus": "all"}}, ["resources", "gpus"]),
        ({"compare": {"baseline": {}}}, ["compare", "baseline"]),
        ({"compare": {"across": "depth"}}, ["compare", "across"]),
        ({"name": "a b"}, ["name"]),
        ({"space": {"momentum": 1}}, ["space", "momentum"]),
        ({"configurations": []}, ["configurations"]),
        ({"configurations": [{}, {"depth": 1}]}, ["configurations", 1]),
        ({"configurations": [{"lr": {"grid": [1]}}]}, ["configurations", 0, "lr"]),
        ({"resources": {"gpus": 2}}, ["resources", "gpus"]),
        ({"resources": {"pack": 0}}, ["resources", "pack"]),
    ],
)
def test_it_marks_what_is_wrong_in_a_key(wrong: dict[str, Any], at: list[str]) -> None:
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors({"name": "a", "space": {}, **wrong}))
    assert [list(error.absolute_path) for error in errors] == [at]


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"space": {"lr": 1, "num_blocks": {"randint": [0, 3]}, "epochs": {"choice": [1, 2]}}},
        {"space": {"lr": {"loguniform": [0.001, 1]}, "block": {"grid": ["conv"]}}},
        {"configurations": [{}, {"lr": 0.1, "lr_schedule": "cosine"}], "resources": {"pack": 3}},
        {"seeds": [4, 5], "resources": {"gpus": 0.5}, "compare": {"across": None, "baseline": None}},
    ],
)
def test_it_accepts_what_the_models_accept(right: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate({"name": "a", "space": {}, **right})


def test_a_space_or_a_list_of_configurations_is_required() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid({"name": "a", "configurations": [{}]})
    assert not validator.is_valid({"name": "a"})


def test_it_holds_nothing_of_python() -> None:
    assert [*SCHEMA["$defs"]] == ["PartialConfiguration"]
    assert not any(noise in schema_text() for noise in ("Annotated", "Literal", "<value>", "discriminator"))


def test_the_documentation_lists_every_key_with_its_default() -> None:
    page = (FILE.parents[1] / "docs" / "space-file.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    for axis in AXES.values():
        default = str(axis.default).lower() if axis.kind is bool else number_or_text(axis.default)
        assert rows[f"space.{axis.name}"].split("`")[3] == default
    known = {key.partition(".")[0] for key in rows}
    assert set(Study.model_fields) - {"name", "question", "data"} <= known


def number_or_text(value: Value) -> str:
    return value if isinstance(value, str) else number(value)
