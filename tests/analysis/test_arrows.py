"""Imports within analysis point one way: __main__ -> report -> pages and figures -> ... -> records."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "analysis"
# Each line may import from itself and from the lines below it.
LAYERS = (
    {"__main__"},
    {"report"},
    {"notebook", "page", "figures"},
    {"tables", "cautions", "captions", "style", "latex"},
    {"answer"},
    {"lines", "advice", "ranking", "searching"},
    {"words"},
    {"looking", "tried"},
    {"findings"},
    {"statistics", "winners"},
    {"question", "joined"},
    {"results"},
    {"ledger", "history", "lineage"},
    {"records"},
    {"axes"},
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if module in names)


def imported(file: Path) -> set[str]:
    """The modules of analysis that a file imports, without the package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "analysis":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analysis."):
            found.add(str(node.module).split(".")[1])
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return
    for name in imported(file):
        assert layer(parts[0]) <= layer(name), f"{file.name} imports {name}"
