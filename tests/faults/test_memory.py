"""A machine that is short of memory: Ray ends workers before the kernel does."""

import pandas as pd
import pytest

from tests.study.commands import SMALL, run, write_space


@pytest.mark.slow
def test_what_ray_ended_for_want_of_memory_says_so_and_what_to_do(tmp_path):
    """Ray's monitor with a threshold that the machine is above already."""
    space = write_space(tmp_path, SMALL)
    low = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    ended = run(space, "--no-report", **low)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "seeds 0-1 failed: out of memory: Ray ended the process" in ended.stdout
    assert "--resume --set resources.cpus=2, or smaller packs: --set resources.pack=1)" in ended.stdout
    assert "to try the failed runs again: " in ended.stdout.splitlines()[-1]
    assert "Traceback" not in ended.stdout + ended.stderr
    again = run(space, "--no-report", "--resume", "--set", "resources.cpus=2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(pd.read_parquet(tmp_path / "results" / "small" / "trials.parquet")["state"]) == {"completed"}
