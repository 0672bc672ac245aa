"""``--address``: clusters of real Ray processes on loopback."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.processes import below
from tests.study.commands import SMALL, environment, epoch_lines, run, start, wait_for_epoch, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long

TWO_NODES = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
input()
cluster.shutdown()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def head_started_by_hand(**changes: str) -> Iterator[str]:
    """``ray start`` in a process group of its own: ``ray stop`` would end every Ray of the machine."""
    port = free_port()
    ray = Path(sys.executable).with_name("ray")
    command = [ray, "start", "--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2"]
    process = subprocess.Popen(
        [*map(str, command), "--include-dashboard=false", "--disable-usage-stats"],
        env=environment(**changes),
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ray runtime started" in line:
                break
        else:
            raise AssertionError("ray start ended")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()  # and it ends the processes that it started
        process.communicate(timeout=60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def nodes_of(results: Path) -> list[dict[str, object]]:
    (session,) = json.loads((results / "provenance.json").read_text())["sessions"]
    return session["hardware"]["nodes"]


def test_a_running_cluster_is_joined_with_its_token(tmp_path):
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    space = write_space(tmp_path)
    with head_started_by_hand(**token) as address:
        stranger = run(space, "--address", address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        assert stranger.returncode == 2, stranger.stdout
        assert f"--address {address}" in stranger.stderr
        assert not (tmp_path / "results" / "small").exists()
        joined = run(space, "--address", address, "--no-report", **token)
        assert joined.returncode == 0, joined.stdout + joined.stderr
        # The study leaves the cluster as it was, for the next one.
        again = run(space, "--address", address, "--no-report", "--results", "again", **token)
        assert again.returncode == 0, again.stdout + again.stderr
    first, second = (
        pd.read_parquet(tmp_path / folder / "curves.parquet").drop(columns="seconds")
        for folder in ("results/small", "again")
    )
    pd.testing.assert_frame_equal(first, second)
    assert len(nodes_of(tmp_path / "again")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("killed", [("gcs_server",), ("gcs_server", "raylet")])
def test_a_cluster_whose_head_dies_ends_the_session_and_the_study_goes_on_elsewhere(tmp_path, killed):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    with (
        head_started_by_hand(RAY_AUTH_MODE="disabled") as address,
        start(space, "--address", address, "--no-report", RAY_AUTH_MODE="disabled") as process,
    ):
        wait_for_epoch(results, 2, process)
        for each in below(os.getpid()):
            if each.name in killed:
                os.kill(each.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 3, out + err
    (_, port) = address.split(":")
    assert re.search(rf"the session broke off: the Ray cluster at [\d.]+:{port} has died; .* is kept. To go on: ", out)
    assert out.endswith("--resume\n")
    assert "Traceback" not in out + err
    last = run(space, "--no-report", "--resume")
    assert last.returncode == 0, last.stderr
    assert computed(results) == numbers_of_long()


def test_two_machines_share_the_packs(tmp_path):
    space = write_space(tmp_path, SMALL.replace("grid: [0, 1]", "grid: [5, 6]").replace("epochs: 3", "epochs: 12"))
    with subprocess.Popen(
        [sys.executable, "-c", TWO_NODES],
        env=environment(RAY_AUTH_MODE="disabled"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        process = run(space, "--address", address, "--no-report", RAY_AUTH_MODE="disabled")
        larger = run(
            *(space, "--address", address, "--no-report", "--results", "larger", "--set", "resources.cpus=2"),
            RAY_AUTH_MODE="disabled",
        )
        cluster.communicate("\n", timeout=60)
    assert process.returncode == 0, process.stdout + process.stderr
    assert larger.returncode == 2
    assert "--set resources.gpus=1" in larger.stderr
    assert not (tmp_path / "larger").exists()
    assert "up to 2 at once" in process.stdout
    results = tmp_path / "results" / "small"
    assert set(pd.read_parquet(results / "trials.parquet")["state"]) == {"completed"}
    assert len(nodes_of(results)) == 2
    # Each machine has one CPU, so packs that run at the same time run on different machines.
    times = [[row["finished"] for row in epoch_lines(results, trial_id)] for trial_id in ("0000", "0001")]
    assert max(each[0] for each in times) < min(each[-1] for each in times)
