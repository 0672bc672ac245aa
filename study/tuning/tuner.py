"""Study -> Ray Tune: connect, resources, the Tuner, one session of trials."""

import dataclasses
import logging
import math
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray import tune
from ray._raylet import GcsClient  # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import AuthenticationError
from ray.tune.experiment import Trial

from study.data import ImageData
from study.plan.trials import PlannedTrial, longest_first
from study.results.directory import ResultsDirectory, TrialStatus
from study.results.machine import available_cpus
from study.results.records import epoch_rows
from study.space import Resources, Study
from study.tuning.callback import Listener, StatusCallback
from study.tuning.resume import newest_checkpoints, next_session
from study.tuning.trainable import ReplicaTrainable, TrialSettings

# A killed worker or node is no fault of the trial: it is started again from its checkpoint this often.
MAX_FAILURES = 2

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # our own progress display, instead of Ray's
    # Checkpoints are small here; Ray's warning that they are saved often is noise.
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


class TuneError(Exception):
    """What Ray cannot be asked to do; the message says what to change."""


def connect(address: str | None) -> None:
    """Start Ray on this machine, or join the cluster at ``address``.

    Raises:
        TuneError: there is no cluster at the address.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        ray.init(address="local", num_cpus=available_cpus(), include_dashboard=False, **quiet)
        return
    _check_reachable(address)
    try:
        ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises anything from ConnectionError to ValueError here
        raise TuneError(_no_cluster(address, _first_line(error))) from error


def _check_reachable(address: str) -> None:
    """Ray itself tries a wrong address for minutes, and a wrong token for half a minute, before it gives up.

    Raises:
        TuneError: the address is not one of a cluster, or nobody listens there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise TuneError(f"--address {address}: should be auto or HOST:PORT, as `ray start` prints it on the head node")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        GcsClient(address=address)
    except (OSError, OverflowError, AuthenticationError) as error:
        raise TuneError(_no_cluster(address, _first_line(error))) from error
    except Exception:  # whatever else it is, ray.init will say
        return


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"--address {address}: no Ray cluster could be joined ({reason}); start one with `ray start --head` or "
        "`ray up cluster.yaml`, and give every machine the same token (RAY_AUTH_MODE, RAY_AUTH_TOKEN)"
    )


def trial_resources(resources: Resources, nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """CPUs and GPUs of a trial, with ``gpus: auto`` settled: one GPU where the cluster has any.

    Args:
        resources: of the space file.
        nodes: the resources of each node that is alive, as Ray names them (CPU, GPU).
    """
    if resources.gpus == "auto":
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    else:
        gpus = float(resources.gpus)
    return {"CPU": float(resources.cpus), "GPU": gpus}


def shortage(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> str | None:
    """Why no node is large enough for a trial, which would then wait for ever; None when one is."""
    if concurrent_trials(wanted, nodes):
        return None
    largest = {k: max((node.get(k, 0) for node in nodes), default=0) for k in wanted}
    return (
        f"a trial asks for {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs, but no machine here has both "
        f"(at most {largest['CPU']:g} CPUs and {largest['GPU']:g} GPUs): lower resources.cpus or resources.gpus"
    )


def concurrent_trials(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> int:
    """How many trials fit on the nodes at once."""

    def on(node: Mapping[str, float]) -> int:
        # Ray counts in ten-thousandths; so does this, lest 1 / 0.1 be 9.
        return min(math.floor(node.get(k, 0) / v + 1e-4) for k, v in wanted.items() if v)

    return sum(on(node) for node in nodes)


def node_resources() -> list[dict[str, float]]:
    """The resources of each node of the cluster that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def make_tuner(
    trials: Sequence[PlannedTrial],
    trainable: Any,
    resources: Mapping[str, float],
    study: Study,
    results: ResultsDirectory,
    callbacks: Sequence[tune.Callback] = (),
) -> tune.Tuner:
    """A Tuner that runs exactly the given trials of the plan, the longest first.

    Configurations are listed by this project, not drawn by Ray, so that a dry run shows what a run will do, and a trial
    that never starts is known all the same. Each session is an experiment of its own below trials/: two in one
    directory would mix, and a restored one starts over in silence when its state file is torn.
    """
    chosen = [
        {"number": trial.number, "configuration": dataclasses.asdict(trial.configuration)}
        for trial in longest_first(trials)
    ]
    return tune.Tuner(
        tune.with_resources(trainable, dict(resources)),
        param_space={"trial": tune.grid_search(chosen)},
        tune_config=tune.TuneConfig(
            reuse_actors=True, trial_name_creator=_trial_name, trial_dirname_creator=_trial_name
        ),
        run_config=tune.RunConfig(
            name=next_session(results.trials),
            storage_path=str(results.trials.resolve()),
            failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=study.checkpoint.every,
                num_to_keep=study.checkpoint.keep,
                checkpoint_at_end=True,
            ),
            callbacks=list(callbacks),
            verbose=0,
        ),
    )


def run_session(
    study: Study,
    statuses: dict[str, TrialStatus],
    remaining: Sequence[PlannedTrial],
    data: ImageData,
    results: ResultsDirectory,
    resources: Mapping[str, float],
    listener: Listener,
) -> None:
    """Run the remaining trials of a study, each from its newest checkpoint; blocks until they end.

    The images go into Ray's object store once, and every trial of a node maps the same copy. Returns also when the user
    interrupts; ``statuses`` then tells which trials are interrupted or not started.
    """
    settings = TrialSettings(
        seeds=study.seed_list,
        precision=study.precision,
        stop_when_diverged=study.on_divergence == "stop",
        cpus=study.resources.cpus,
        records=results.records.resolve(),
        checkpoints=newest_checkpoints(remaining, results.trials.resolve()),
    )
    trainable = tune.with_parameters(ReplicaTrainable, data=data, settings=settings)
    callback = StatusCallback(statuses, results, listener)
    tuner = make_tuner(remaining, trainable, resources, study, results, [callback])
    # Ray's own advice on how to restore its experiment would mislead: a study is resumed with --resume.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    for trial in remaining:
        if statuses[trial.trial_id].status == "failed":  # until it is tried again
            statuses[trial.trial_id].status = "interrupted"
    try:
        tuner.fit()
    finally:
        for status in statuses.values():
            # Ray may not have heard of the last epochs before it was stopped; the records have.
            status.follow(epoch_rows(results.record(status.trial_id)))
            if status.status == "running":
                status.status = "interrupted"
        results.write_trials(statuses.values())


def _trial_name(trial: Trial) -> str:
    each = trial.config["trial"]
    c = each["configuration"]
    norm = "bn" if c["batch_norm"] else "nobn"
    return f"{each['number']:04d}_{c['block']}{c['num_blocks']}_{norm}_lr{c['lr']:g}_e{c['epochs']}_{trial.trial_id}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
