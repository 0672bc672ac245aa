"""The machines of the Ray cluster: what they are, and whether they can write to the results directory."""

import os
import platform
import socket
import subprocess
import uuid
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

Facts = dict[str, Any]


def describe_nodes(results: Path) -> list[Facts]:
    """Ask every node that is alive for its hardware, and whether it sees the results directory.

    Args:
        results: an existing folder, absolute.

    Returns:
        One dictionary a node: host, cpu, cores, memory_gib, gpus (names).

    Raises:
        ValueError: a node does not see the folder, where its trials are to write, or lacks this project.
    """
    # A file that cannot be there by chance: a folder of the same name may lie on each machine's own disk.
    token = results / f".seen-{uuid.uuid4().hex}"
    token.touch()
    try:
        facts = _ask_every_node(token)
    except RayError as error:
        raise ValueError(
            f"a machine of the Ray cluster could not say what it is ({str(error).strip().splitlines()[-1]}); "
            "install this project on every machine, in the same version"
        ) from error
    finally:
        token.unlink()
    blind = sorted({str(node["host"]) for node in facts if not node.pop("sees_results")})
    if blind:
        raise ValueError(
            f"--results {results}: {', '.join(blind)} of the Ray cluster cannot see this folder; "
            "choose one on a file system that all its machines share"
        )
    return facts


def _ask_every_node(token: Path) -> list[Facts]:
    ask = ray.remote(num_cpus=0)(_describe_this_machine)
    pending = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(str(token))
        for node in ray.nodes()
        if node["Alive"]
    ]
    return ray.get(pending)


def _describe_this_machine(token: str) -> Facts:
    return {
        "host": socket.gethostname(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpu_names(),
        "sees_results": Path(token).exists(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _gpu_names() -> list[str]:
    # nvidia-smi rather than torch: importing torch on every node takes seconds.
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
