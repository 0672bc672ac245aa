"""Imports point one way; each package says here what it may know."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "study/space*.py": {"torch", "ray", "analysis"},
    "study/data*.py": {"ray", "analysis"},
    "study/images.py": {"ray", "analysis"},
    "study/model.py": {"ray", "analysis"},
    "study/precision.py": {"ray", "analysis"},
    "study/kernels/*.py": {"ray", "analysis"},
    "study/computation.py": {"ray", "analysis"},
    "study/graphs.py": {"ray", "analysis"},
    "study/training.py": {"ray", "analysis"},
    "study/records.py": {"torch", "ray", "analysis"},
    "study/results.py": {"torch", "ray", "analysis"},
    "study/plan.py": {"torch", "ray", "analysis"},
    "study/machine.py": {"torch", "ray", "analysis"},
    "study/trainable.py": {"analysis"},
    "study/tune.py": {"analysis"},
    "benchmarks/*.py": {"ray"},
    "analysis/**/*.py": {"study", "torch", "ray", "torchvision"},
}
# What a module of study may import from study; the arrows of the design.
ALLOWED = {
    "space": set(),
    "model": {"space"},
    "precision": set(),
    "machine": set(),
    "images": set(),
    "kernels/build": set(),
    "kernels/trunk": {"images", "kernels", "model", "space"},
    "computation": {"images", "kernels", "model", "precision", "space"},
    "graphs": set(),
    "training": {"computation", "graphs", "data", "images", "model", "precision", "space"},
    "records": {"space"},
    "results": {"space"},
    "plan": {"records", "space"},
    "trainable": {"data", "records", "space", "training"},
}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_forbidden_packages_are_not_imported(pattern):
    files = list(ROOT.glob(pattern))
    assert files
    for file in files:
        tops = {name.partition(".")[0] for name in imports(file)}
        assert not tops & FORBIDDEN[pattern], file


@pytest.mark.parametrize("module", ALLOWED)
def test_modules_of_study_know_only_those_below_them(module):
    known = {name.split(".")[1] for name in imports(ROOT / "study" / f"{module}.py") if name.startswith("study.")}
    # space and data are each split over several files, which may know each other.
    known = {name.partition("_")[0] for name in known} - {module}
    assert known <= ALLOWED[module]
