"""Ray's worker processes made ready for packs while the driver still waits for something else."""

import ray


def warm_up(packs: int, cpus: float, gpus: float) -> None:
    """Import what a pack needs in as many workers as there will be packs at once; returns at once.

    Ray starts its workers ahead of their work and gives a pack one that is idle, so seconds of imports are over when
    its first pack begins.
    """
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_import_all)
    for _ in range(packs):
        task.remote()


def _import_all() -> None:
    import ray.tune  # noqa: F401
    import torch  # noqa: F401
