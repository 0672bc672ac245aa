"""cluster.yaml against the schema that ``ray up`` holds it against."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[1]


@pytest.fixture
def cluster() -> dict[str, Any]:
    return ruamel.yaml.YAML(typ="safe").load((ROOT / "cluster.yaml").read_text())


def test_ray_accepts_it(cluster):
    validate_config(prepare_config(cluster))


def test_ray_would_refuse_a_mistyped_key(cluster):
    """So that the test above can fail."""
    prepared = prepare_config(cluster | {"max_worker": 2})
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepared)


def test_its_workers_have_gpus_and_scale(cluster):
    workers = [kind for name, kind in cluster["available_node_types"].items() if name != cluster["head_node_type"]]
    assert all(kind["resources"]["GPU"] >= 1 for kind in workers)
    assert all(kind["max_workers"] > kind["min_workers"] for kind in workers)


def test_every_machine_asks_for_the_token(cluster):
    assert "~/.ray/auth_token" in cluster["file_mounts"]
    for commands in (cluster["head_start_ray_commands"], cluster["worker_start_ray_commands"]):
        starts = [command for command in commands if " start " in command]
        assert starts
        assert all("RAY_AUTH_MODE=token" in shlex.split(command) for command in starts)


def test_every_machine_installs_the_pinned_versions(cluster):
    assert any("make .venv/installed" in command for command in cluster["setup_commands"])
    assert "--constraint constraints.txt" in (ROOT / "Makefile").read_text()
