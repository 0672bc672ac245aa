"""One session of a study: check everything, run what is left of it, report."""

import contextlib
import os
import signal
from collections.abc import Iterator

import filelock
import ray
from rich.console import Console

from study import provenance
from study.data import DataError, ImageData, load
from study.exit_status import DONE, INTERRUPTED, SOME_FAILED
from study.nodes import describe_nodes
from study.plan import PlannedTrial, plan_of
from study.progress import ProgressDisplay, say
from study.records import epoch_rows
from study.request import InputError, Request, check_results, check_room, check_same_data, check_shared
from study.results import ResultsDirectory, TrialStatus, write_text
from study.resume import is_finished
from study.space import SpaceError, Study
from study.tune import (
    TuneError,
    check_supported,
    concurrent_trials,
    connect,
    node_resources,
    run_session,
    trial_resources,
)


def run(request: Request, console: Console) -> int:
    """Run a session and return the exit status.

    Raises:
        InputError: before anything was started.
    """
    results = ResultsDirectory(request.results)
    with _input_errors():
        check_supported(request.study)
        check_results(request, results)
        say(console, f"loading the images ({request.study.data}) ...")
        data = load(request.study.data, request.data_dir, validation=request.study.validation)
        check_same_data(results, data)
    with _own(results):
        # Ray takes SIGTERM for itself when it starts, so ours comes after it.
        with _ray(request.address), _terminate_as_interrupt():
            statuses = _run_trials(request, results, data, console)
        return _finish(request, results, statuses, console)


def _run_trials(
    request: Request, results: ResultsDirectory, data: ImageData, console: Console
) -> dict[str, TrialStatus]:
    """Check the cluster, write down what is about to happen, run what remains; where each trial stands then."""
    study = request.study
    with _input_errors():
        nodes = node_resources()
        wanted = trial_resources(study.resources, nodes)
        check_room(request, wanted, nodes, console)
        facts = describe_nodes(results.path.resolve())
        check_shared(facts, results)
        trials = plan_of(study)
        statuses = initial_statuses(study, trials, results)
    write_text(results.study, study.to_yaml())
    provenance.begin_session(results.provenance, data, study.precision, request.command, facts)
    results.write_trials(statuses.values())
    remaining = [trial for trial in trials if statuses[trial.trial_id].status != "completed"]
    say(
        console,
        f"{study.name} on {data.name}: {len(remaining)} of {len(trials)} trials to run, "
        f"{len(study.seed_list)} seeds each side by side, "
        f"up to {min(len(remaining), concurrent_trials(wanted, nodes))} trials at once "
        f"({wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs each)",
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
    return statuses


def initial_statuses(study: Study, trials: list[PlannedTrial], results: ResultsDirectory) -> dict[str, TrialStatus]:
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
    console: Console,
) -> int:
    """Curves, report and the last words; the exit status."""
    # The analysis package stands on its own; only this last step of a session knows it.
    from analysis.report import print_summary, write_report
    from analysis.results import write_curves

    write_curves(results.path)
    if request.report:
        say(console, "writing the report ...")
        report = write_report(results.path)
        print_summary(report, console)
    say(console, f"results: {results.path}")
    failed = [status for status in statuses.values() if status.status == "failed"]
    for status in failed:
        where = f"trials.parquet and below trials/{status.directory}"
        say(console, f"trial {status.trial_id} failed; its error is in {where}")
    if _outcome(statuses) == "interrupted":
        resume = request.command if request.resume else f"{request.command} --resume"
        say(console, f"interrupted; what was trained is kept. To go on: {resume}")
        return INTERRUPTED
    if failed:
        say(console, f"{len(failed)} of {len(statuses)} trials failed; --resume tries them again")
        return SOME_FAILED
    return DONE


def _outcome(statuses: dict[str, TrialStatus]) -> str:
    found = {status.status for status in statuses.values()}
    if found & {"interrupted", "not_started", "running"}:
        return "interrupted"
    return "failed" if "failed" in found else "completed"


@contextlib.contextmanager
def _input_errors() -> Iterator[None]:
    """The errors of the parts that check input, as one kind."""
    try:
        yield
    except (DataError, SpaceError, TuneError, ValueError, OSError) as error:
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

    A directory that was made here and is still empty at the end, because the input turned out to be wrong, is removed.
    """
    made_here = not results.path.exists()
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
        if made_here and not results.study.exists():
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
