"""Imports point one way: one table of folders says what each may know."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A folder, or a module beside the folders, may import from itself and from these; nothing else of this project.
ARROWS = {
    "study.contract": set(),
    "study.process": set(),
    "study.space": {"study.contract"},
    "study.data": {"study.contract", "study.process"},
    "study.training": {"study.contract", "study.process"},
    "study.plan": {"study.contract", "study.space"},
    "study.results": {"study.contract", "study.space", "study.data", "study.plan"},
    "study.growth": {"study.contract", "study.space", "study.plan", "study.results"},
    "study.search": {"study.contract", "study.space", "study.plan", "study.results", "study.growth"},
    "study.cluster": {
        "study.contract",
        "study.process",
        "study.space",
        "study.results",
    },
    "study.tracking": {"study.contract", "study.space", "study.plan", "study.results"},
    "study.tuning": {
        "study.contract",
        "study.space",
        "study.data",
        "study.training",
        "study.results",
        "study.plan",
        "study.growth",
        "study.tracking",
        "study.cluster",
    },
    "study.terminal": {"study.contract", "study.plan", "study.results"},
    "study.forecast": {"study.contract", "study.space", "study.data", "study.training", "study.results", "study.plan"},
    "analysis": {"study.contract"},
}
# Packages from elsewhere that are heavy, or that a folder has nothing to do with.
FORBIDDEN = {
    "study.contract": {"torch", "ray", "numpy", "pandas", "pydantic", "ruamel"},
    "study.process": {"torch", "ray", "numpy", "pandas", "pydantic", "ruamel"},
    "study.space": {"torch", "ray", "pandas"},
    "study.data": {"ray"},
    "study.training": {"ray", "pandas", "pydantic", "ruamel", "rich", "sklearn", "scipy"},
    "study.results": {"torch", "ray.tune"},
    "study.plan": {"torch", "ray"},
    "study.growth": {"torch", "ray", "optuna"},
    "study.search": {"torch", "ray"},
    "study.tracking": {"torch", "ray"},
    "study.cluster": {"torch", "ray.tune"},
    "study.terminal": {"torch", "ray", "pandas"},
    "study.forecast": {"ray", "pandas"},
    "analysis": {"torch", "ray", "torchvision"},
    "benchmarks": {"ray"},
}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports hide where they point"
            found |= {str(node.module)} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def files_of(folder: str) -> list[Path]:
    path = ROOT / folder.replace(".", "/")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert files
    return files


def is_in(module: str, folder: str) -> bool:
    return module == folder or module.startswith(f"{folder}.")


# The analysis reads trained networks for notebooks, and only there; the import waits until somebody asks for one.
EXCEPTIONS = {"analysis/notebook.py": {"study.networks"}}
# What is measured beside the study, in a process of its own.
ALLOWED = {"benchmarks/plain_tune_search.py": {"ray"}}


@pytest.mark.parametrize("folder", ARROWS)
def test_a_folder_knows_only_those_below_it(folder: str) -> None:
    known = {folder} | ARROWS[folder]
    for file in files_of(folder):
        ours = {name for name in imports(file) if name.startswith(("study.", "analysis."))}
        known_here = known | EXCEPTIONS.get(str(file.relative_to(ROOT)), set())
        assert not {name for name in ours if not any(is_in(name, each) for each in known_here)}, file


def test_the_analysis_imports_no_torch_until_a_network_is_asked_for() -> None:
    code = "import analysis, sys; sys.exit(bool({'ray', 'torch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_forbidden_packages_are_not_imported(folder: str) -> None:
    for file in files_of(folder):
        found, forbidden = imports(file), FORBIDDEN[folder] - ALLOWED.get(str(file.relative_to(ROOT)), set())
        assert not {f for f in forbidden if any(is_in(name, f) for name in found)}, file


def test_no_circle() -> None:
    done: set[str] = set()
    left = dict(ARROWS)
    while left:
        free = {folder for folder, known in left.items() if known <= done}
        assert free, f"a circle among {sorted(left)}"
        done |= free
        for folder in free:
            del left[folder]


def test_every_folder_of_study_has_a_row() -> None:
    folders = {f"study.{path.parent.name}" for path in (ROOT / "study").glob("*/__init__.py")}
    assert folders <= ARROWS.keys()
