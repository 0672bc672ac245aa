"""What the nodes of a cluster have, and how many packs fit on them."""

import math
from collections.abc import Mapping, Sequence

import ray

from study.space import Resources

Amounts = Mapping[str, float]  # of CPU and GPU, as Ray names them


def node_resources() -> list[dict[str, float]]:
    """The resources of each node of the cluster that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def pack_resources(resources: Resources, nodes: Sequence[Amounts]) -> dict[str, float]:
    """CPUs and GPUs of a pack, with ``gpus: auto`` settled: one GPU where the cluster has any.

    Args:
        resources: of the space file.
        nodes: the resources of each node that is alive.
    """
    if resources.gpus == "auto":
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    else:
        gpus = float(resources.gpus)
    return {"CPU": float(resources.cpus), "GPU": gpus}


def concurrent_packs(wanted: Amounts, nodes: Sequence[Amounts]) -> int:
    """How many packs fit on the nodes at once."""

    def on(node: Amounts) -> int:
        # Ray counts in ten-thousandths; so does this, lest 1 / 0.1 be 9.
        return min(math.floor(node.get(k, 0) / v + 1e-4) for k, v in wanted.items() if v)

    return sum(on(node) for node in nodes)


def shortage(wanted: Amounts, nodes: Sequence[Amounts]) -> str | None:
    """Why no node is large enough for a pack, which would then wait for ever; None when one is."""
    if concurrent_packs(wanted, nodes):
        return None
    largest = {k: max((node.get(k, 0) for node in nodes), default=0) for k in wanted}
    return (
        f"a pack asks for {amounts(wanted)}, but no machine here has both (at most {amounts(largest)}): lower "
        "resources.cpus or resources.gpus"
    )


def amounts(given: Amounts) -> str:
    """CPUs and GPUs in words."""
    return f"{_amount(given.get('CPU', 0), 'CPU')} and {_amount(given.get('GPU', 0), 'GPU')}"


def _amount(number: float, thing: str) -> str:
    return f"{number:g} {thing}{'' if number == 1 else 's'}"
