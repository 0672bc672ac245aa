"""docs/reliability.md names a test for every promise; those must exist."""

import ast
import re

from tests.study.commands import ROOT


def test_every_promise_has_a_test_that_exists_and_is_marked_as_the_page_says():
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)` ?(†?)", page)
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| what"))]
    assert len(rows) == len(named) + page.count("| the same †")
    for file, name, dagger in named:
        functions = [node for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)]
        (found,) = (each for each in functions if each.name == name)
        marks = [ast.unparse(each) for each in found.decorator_list]
        assert ("pytest.mark.slow" in marks) == bool(dagger), name
