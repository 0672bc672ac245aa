"""The machines of the Ray cluster: what they are, and whether they can write to the results directory."""

import os
import platform
import socket
import subprocess
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

Facts = dict[str, Any]


def describe_nodes(results: Path) -> list[Facts]:
    """Ask every node that is alive for its hardware and whether it sees the results directory.

    Args:
        results: an existing folder, absolute.

    Returns:
        One dictionary a node: host, cpu, cores, memory_gib, gpus (names), sees_results.
    """
    ask = ray.remote(num_cpus=0)(_describe_this_machine)
    pending = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(str(results))
        for node in ray.nodes()
        if node["Alive"]
    ]
    return ray.get(pending)


def _describe_this_machine(results: str) -> Facts:
    return {
        "host": socket.gethostname(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpu_names(),
        "sees_results": Path(results).is_dir(),
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
