"""Starts Ray on this machine, or joins a running cluster."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray._raylet import GcsClient  # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import AuthenticationError

from study.cluster.local import first_line, give_up, local_ray, shut_down
from study.cluster.resources import amounts
from study.cluster.watching import watched_cluster
from study.process import interrupts

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # our own progress display, instead of Ray's
    # Checkpoints are small here; Ray's warning that they are saved often is noise.
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


class ClusterError(ValueError):
    """What Ray cannot be asked to do; the message says what to change."""


@contextlib.contextmanager
def connected(address: str | None, last_words: Callable[[str], str]) -> Iterator[None]:
    """Start Ray on this machine, or join the cluster at ``address``; leave it at the end.

    Args:
        address: None for a Ray of this machine.
        last_words: see ``local_ray``.

    Raises:
        ClusterError: there is no cluster at the address.
        NoRayError: no Ray can start here.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        with local_ray(quiet, last_words):
            yield
        return
    check_reachable(address)
    try:
        with interrupts.kept():
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises anything from ConnectionError to ValueError here
        raise ClusterError(_no_cluster(address, first_line(error))) from error
    head = ray.get_runtime_context().gcs_address
    reason = f"the Ray cluster at {head} has died; the study can go on at another --address, or without one"
    try:
        with watched_cluster(head, lambda: give_up(reason, last_words)):
            yield
    finally:
        shut_down()


def joined_cluster() -> str:
    """Which cluster this process has joined, and what is free there now; others may train on it too."""
    nodes = sum(node["Alive"] for node in ray.nodes())
    machines = f"{nodes} machine{'' if nodes == 1 else 's'}"
    address = ray.get_runtime_context().gcs_address
    return (
        f"joined the Ray cluster at {address}: {machines} with {amounts(ray.cluster_resources())}, "
        f"of which {amounts(ray.available_resources())} are free"
    )


def check_reachable(address: str) -> None:
    """Ask the cluster with a short patience: Ray tries a wrong address for minutes before it gives up.

    Raises:
        ClusterError: the address is not one of a cluster, or nobody listens there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise ClusterError(
            f"--address {address}: should be auto or HOST:PORT, as `ray start` prints it on the head node"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        GcsClient(address=address)
    except (OSError, OverflowError, AuthenticationError) as error:
        raise ClusterError(_no_cluster(address, first_line(error))) from error
    except Exception:  # whatever else it is, ray.init will say
        return


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"--address {address}: no Ray cluster could be joined ({reason}); start one with `ray start --head` or "
        "`ray up cluster.yaml`, and give every machine the same token (RAY_AUTH_MODE, RAY_AUTH_TOKEN)"
    )
