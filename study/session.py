"""One session of a study: check everything, run what is left of it, report."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock
import ray
from rich.console import Console

from study import provenance
from study.data import DataError, ImageData, load
from study.nodes import describe_nodes
from study.plan import PlannedTrial, plan_of
from study.progress import ProgressDisplay
from study.records import epoch_rows
from study.results import ResultsDirectory, TrialStatus, write_text
from study.resume import is_finished
from study.exit_status import DONE, INTERRUPTED, SOME_FAILED
from study.space import SpaceError, Study, load_study
from study.tune import (
    TuneError,
    check_supported,
    concurrent_trials,
    connect,
    node_resources,
    run_session,
    shortage,
    trial_resources,
)

# These say how a study is run or read, not what it computes: they may change between its sessions.
FREE_TO_CHANGE = ("question", "compare", "resources", "checkpoint", "data")


class InputError(Exception):
    """What the user asked for cannot be done; nothing was started and nothing overwritten."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        study: the space file with its overrides.
        results: the results directory.
        data_dir: where CIFAR-10 and caches are.
        resume: go on with the study that the results directory holds.
        address: of a Ray cluster; None for a Ray of this machine.
        report: write figures at the end.
        command: the command line, for the provenance and the hint on how to resume.
    """

    study: Study
    results: Path
    data_dir: Path
    resume: bool
    address: str | None
    report: bool
    command: str


def run(request: Request, console: Console) -> int:
    """Run a session and return the exit status.

    Raises:
        InputError: before anything was started.
    """
    results = ResultsDirectory(request.results)
    with _input_errors():
        check_supported(request.study)
        check_results(request, results)
        console.print(f"loading the images ({request.study.data}) ...", markup=False)
        data = load(request.study.data, request.data_dir, validation=request.study.validation)
        check_same_data(results, data)
    with _terminate_as_interrupt(), _ray(request.address), _own(results):
        return _run_trials(request, results, data, console)


def check_results(request: Request, results: ResultsDirectory) -> None:
    """Refuse a results directory that holds something else than the user thinks.

    Raises:
        InputError: it holds a study and ``--resume`` was not given, or another study, or other files; or there is
            nothing to resume.
    """
    folder = results.path
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--results {folder}: is a file, not a folder")
    if not results.study.exists():
        if request.resume:
            raise InputError(f"--resume: {folder} holds no study; leave out --resume to start one there")
        others = [path.name for path in folder.iterdir() if path != results.lock] if folder.exists() else []
        if others:
            raise InputError(
                f"--results {folder}: is not empty (it holds {', '.join(sorted(others)[:3])}) and holds no study; "
                "choose another folder"
            )
        return
    different = _differences(request.study, load_study(results.study))
    if different:
        raise InputError(
            f"{folder} holds another study (different: {', '.join(different)}); "
            "choose another folder with --results DIR, or give the same settings to resume it"
        )
    if not request.resume:
        raise InputError(
            f"{folder} already holds this study; continue it with --resume, or choose another folder with --results DIR"
        )


def check_same_data(results: ResultsDirectory, data: ImageData) -> None:
    """Refuse to go on with other images than a study began with.

    Raises:
        InputError: the fingerprints differ.
    """
    earlier = provenance.read_provenance(results.provenance)
    if earlier is not None and earlier["data"] != provenance.describe_data(data):
        raise InputError(
            f"{results.path} was begun on {earlier['data'].get('name')} with fingerprint "
            f"{str(earlier['data'].get('fingerprint'))[:12]}, and these images are {data.name} with fingerprint "
            f"{data.fingerprint[:12]}: give the same --data, or choose another folder with --results DIR"
        )


def _run_trials(request: Request, results: ResultsDirectory, data: ImageData, console: Console) -> int:
    study = request.study
    with _input_errors():
        nodes = node_resources()
        wanted = trial_resources(study.resources, nodes)
        _check_room(request, wanted, nodes, console)
        facts = describe_nodes(results.path.resolve())
        _check_shared(facts, results)
    write_text(results.study, study.to_yaml())
    provenance.begin_session(results.provenance, data, study.precision, request.command, facts)
    trials = plan_of(study)
    statuses = initial_statuses(study, trials, results)
    results.write_trials(statuses.values())
    remaining = [trial for trial in trials if statuses[trial.trial_id].status != "completed"]
    console.print(
        f"{study.name}: {len(remaining)} of {len(trials)} trials to run, {len(study.seed_list)} seeds each side by side, "
        f"up to {min(len(remaining), concurrent_trials(wanted, nodes))} at once ({wanted['CPU']:g} CPUs and "
        f"{wanted['GPU']:g} GPUs a trial) on {data.name}",
        markup=False,
    )
    outcome = "failed"
    try:
        if remaining:
            planned = sum(trial.configuration.epochs for trial in trials)
            done = sum(status.epochs_done for status in statuses.values())
            with ProgressDisplay(console, len(trials), planned, done) as display:
                run_session(study, statuses, remaining, data, results, display)
        outcome = _outcome(statuses)
    except KeyboardInterrupt:
        outcome = "interrupted"
    finally:
        provenance.end_session(results.provenance, outcome)
    return _finish(request, results, statuses, outcome, console)


def initial_statuses(
    study: Study, trials: list[PlannedTrial], results: ResultsDirectory
) -> dict[str, TrialStatus]:
    """Where each trial stands before the session, by its record; a finished one keeps what the last table said."""
    earlier = results.read_trials()
    statuses = {}
    for trial in trials:
        status = TrialStatus(trial.trial_id, trial.configuration, study.seed_list)
        rows = epoch_rows(results.record(trial.trial_id))
        status.epochs_done = max(rows, default=0)
        if is_finished(trial, results, stop_when_diverged=study.on_divergence == "stop"):
            before = earlier.get(trial.trial_id, {})
            last = rows[max(rows)]
            status.status = "completed"
            status.host, status.device = last["host"], last["device"]
            status.started, status.ended = before.get("started"), before.get("ended") or last["finished"]
            status.directory = before.get("directory")
        statuses[trial.trial_id] = status
    return statuses


def _finish(
    request: Request,
    results: ResultsDirectory,
    statuses: dict[str, TrialStatus],
    outcome: str,
    console: Console,
) -> int:
    # The analysis package stands on its own; only this last step of a session knows it.
    from analysis.report import print_summary, write_report
    from analysis.results import write_curves

    write_curves(results.path)
    if request.report:
        console.print("writing the report ...")
        report = write_report(results.path)
        print_summary(report, console)
    console.print(f"results: {results.path}", markup=False)
    failed = [status for status in statuses.values() if status.status == "failed"]
    for status in failed:
        console.print(f"trial {status.trial_id} failed; its error is in trials.parquet and below trials/{status.directory}")
    if outcome == "interrupted":
        resume = request.command if request.resume else f"{request.command} --resume"
        console.print(f"interrupted; what was trained is kept. To go on: {resume}", markup=False)
        return INTERRUPTED
    if failed:
        console.print(f"{len(failed)} of {len(statuses)} trials failed; --resume tries them again")
        return SOME_FAILED
    return DONE


def _outcome(statuses: dict[str, TrialStatus]) -> str:
    found = {status.status for status in statuses.values()}
    if found & {"interrupted", "not_started", "running"}:
        return "interrupted"
    return "failed" if "failed" in found else "completed"


def _differences(ours: Study, theirs: Study) -> list[str]:
    a, b = ours.model_dump(), theirs.model_dump()
    return [key for key in a if key not in FREE_TO_CHANGE and a[key] != b[key]]


def _check_shared(facts: list[dict[str, object]], results: ResultsDirectory) -> None:
    """Every machine writes its trials' records and checkpoints into the results directory.

    Raises:
        InputError: a machine does not see it.
    """
    blind = [str(node["host"]) for node in facts if not node.pop("sees_results")]
    if blind:
        raise InputError(
            f"--results {results.path}: {', '.join(blind)} of the Ray cluster cannot see this folder; "
            "choose one on a file system that all its machines share"
        )


def _check_room(
    request: Request, wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]], console: Console
) -> None:
    """A machine of our own will not grow; a cluster that was joined may, by its autoscaler.

    Raises:
        InputError: a trial fits nowhere and nothing can be hoped for, or it has no use for the device it gets.
    """
    if request.study.precision == "tf32" and not wanted["GPU"]:
        raise InputError("precision tf32 exists on NVIDIA GPUs only, and these trials have none: choose float32 or bf16")
    problem = shortage(wanted, nodes)
    if problem is None:
        return
    if request.address is None:
        raise InputError(problem)
    console.print(f"warning: {problem}. Trials wait until a machine that is large enough joins the cluster.", markup=False)


@contextlib.contextmanager
def _input_errors() -> Iterator[None]:
    """The errors of the parts that check input, as one kind."""
    try:
        yield
    except (DataError, SpaceError, TuneError, ValueError) as error:
        raise InputError(str(error)) from error


@contextlib.contextmanager
def _ray(address: str | None) -> Iterator[None]:
    with _input_errors():
        connect(address)
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _own(results: ResultsDirectory) -> Iterator[None]:
    """Make the results directory and hold its lock, so that no second process writes to it.

    A directory that is still empty at the end, because the input turned out to be wrong, is removed again.
    """
    try:
        results.path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(results.lock)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(f"--results {results.path}: another process is running a study there") from None
    except OSError as error:
        raise InputError(f"--results {results.path}: cannot be written to ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()
        if not results.study.exists():
            results.lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                results.path.rmdir()


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM, with which batch systems end a job, as Ctrl-C: Ray Tune stops well on that alone."""

    def forward(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
