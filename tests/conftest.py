"""The order of the test files."""

import pytest

# They start whole studies and mostly wait for them: begun first, none is left over for one process at the end.
FIRST = ("test_killed.py", "test_run_faults.py", "test_run.py", "test_cluster.py", "test_tune.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
