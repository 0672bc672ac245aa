"""The machines of the Ray cluster: what they are, and whether they can write to the results directory."""

import uuid
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.results.machine import Facts, describe_machine


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
    return describe_machine() | {"sees_results": Path(token).exists()}
