"""search.db in optuna-dashboard, a real one on this machine alone."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from study.search.database import SearchDatabase
from tests.study.growth.simulate import a_search, near_a_tenth, opened, run

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def dashboard(file: Path) -> Iterator[str]:
    """The address of a dashboard that shows the file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [str(program), f"sqlite:///{file}", "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def asked(address: str) -> Any:
    """What the dashboard answers, as soon as it does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with WITHOUT_PROXY.open(address, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.slow
def test_it_shows_every_configuration_with_its_state_and_the_values_of_its_seeds(tmp_path):
    study = a_search(tmp_path, "algorithm: optuna, samples: 3, max_concurrent: 1")
    # Cut off in the third configuration, as while the study runs.
    run(study, tmp_path, near_a_tenth, most_epochs=8)
    database = SearchDatabase(study, opened(study, tmp_path), tmp_path / "search.db")
    with dashboard(tmp_path / "search.db") as address:
        (summary,) = asked(f"{address}/api/studies")["study_summaries"]
        assert summary["study_name"] == "a"
        trials = asked(f"{address}/api/studies/{summary['study_id']}?after=0")["trials"]
    database.close()
    assert [trial["state"] for trial in trials] == ["Complete", "Complete", "Running"]
    names = {attribute["key"] for attribute in trials[0]["user_attrs"]}
    assert {"trial_id", "fate", "seed 0", "seed 1"} <= names
    assert [len(trial["intermediate_values"]) for trial in trials] == [3, 3, 2]
    assert {param["name"] for param in trials[2]["params"]} == {"num_blocks", "lr"}
