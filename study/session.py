"""One session of a study: check everything, run what is left of it, report."""

import contextlib
import traceback
from collections.abc import Iterator

import filelock
import ray
from rich.console import Console

from study import interrupts
from study.cluster.nodes import describe_nodes
from study.data import DataError, ImageData, load
from study.exit_status import DONE, INTERRUPTED, SOME_FAILED
from study.progress import ProgressDisplay, counted, say
from study.request import InputError, Request, check_results, check_room, check_same_data
from study.results import provenance
from study.results.directory import ResultsDirectory, TrialStatus, write_text
from study.space import SpaceError
from study.training.kernels.build import KernelsUnavailableError, library
from study.tuning.resume import put_back_rows, statuses_before
from study.tuning.tuner import TuneError, concurrent_trials, connect, node_resources, run_session, trial_resources

Statuses = dict[str, TrialStatus]


def run(request: Request, console: Console) -> int:
    """Run a session and return the exit status.

    Raises:
        InputError: before anything was started.
    """
    results = ResultsDirectory(request.results)
    with _input_errors():
        check_results(request, results)
    with _own(results):
        with _input_errors():
            # Again, now that nobody else can change it: another process may have been here in between.
            check_results(request, results)
            say(console, f"loading the images ({request.study.data}) ...")
            data = load(request.study.data, request.data_dir, validation=request.study.validation)
            check_same_data(results, data)
            put_back_rows(request.trials, results)
            statuses = statuses_before(request.study, request.trials, results)
        if any(status.status != "completed" for status in statuses.values()):
            _train(request, results, data, statuses, console)
        else:
            say(console, f"{request.study.name}: 0 of {counted(len(statuses), 'trial')} to run, all are completed")
        return _finish(request, results, statuses, console)


def how_to_go_on(request: Request) -> str:
    """The last words of an interrupted session: the command that resumes it."""
    resume = request.command if request.resume else f"{request.command} --resume"
    return f"interrupted; what was trained is kept. To go on: {resume}"


def _train(request: Request, results: ResultsDirectory, data: ImageData, statuses: Statuses, console: Console) -> None:
    """Check the cluster, write down what is about to happen, and run what remains; changes ``statuses``."""
    study = request.study
    # Ray takes SIGTERM for itself when it starts, so ours comes after it.
    with _ray(request.address), interrupts.terminate_as_interrupt():
        with _input_errors():
            nodes = node_resources()
            wanted = trial_resources(study.resources, nodes)
            check_room(request, wanted, nodes, console)
            facts = describe_nodes(results.path.resolve())
        write_text(results.study, study.to_yaml())
        results.records.mkdir(exist_ok=True)
        provenance.begin_session(results.provenance, data, study.precision, request.command, facts)
        try:
            results.write_trials(statuses.values())
            remaining = [trial for trial in request.trials if statuses[trial.trial_id].status != "completed"]
            say(
                console,
                f"{study.name} on {data.name}: {len(remaining)} of {counted(len(statuses), 'trial')} to run, "
                f"{counted(len(study.seed_list), 'seed')} each side by side, "
                f"up to {counted(min(len(remaining), concurrent_trials(wanted, nodes)), 'trial')} at once "
                f"({counted(wanted['CPU'], 'CPU')} and {counted(wanted['GPU'], 'GPU')} each)",
            )
            if not wanted["GPU"]:
                _say_if_slow(console)
            with ProgressDisplay(console, statuses) as display:
                run_session(study, statuses, remaining, data, results, wanted, display)
        except KeyboardInterrupt:
            pass  # the statuses tell which trials it left undone
        except Exception:  # a full disk, a lost cluster: say so, then keep and report what there is
            traceback.print_exc()
        finally:
            provenance.end_session(results.provenance, _outcome(statuses))


def _say_if_slow(console: Console) -> None:
    """A trial's own messages stay in Ray's log files; that it trains slowly should be seen here."""
    try:
        library()
    except KernelsUnavailableError as error:
        say(console, f"training with PyTorch alone, several times slower than with the CPU kernels: {error}")


def _finish(request: Request, results: ResultsDirectory, statuses: Statuses, console: Console) -> int:
    """Curves, report and the last words; the exit status."""
    reported = True
    try:
        _report(request, results, console)
    except KeyboardInterrupt:
        say(console, f"the report was interrupted; to write it: python -m analysis {results.path}")
        if _outcome(statuses) == "completed":
            return INTERRUPTED
    except Exception:  # a full disk, say: what was trained is kept, and that should be the last word
        traceback.print_exc()
        say(console, f"the report could not be written; mend the cause above, then: python -m analysis {results.path}")
        reported = False
    say(console, f"results: {results.path}")
    failed = [status for status in statuses.values() if status.status == "failed"]
    for status in failed:
        where = f"trials.parquet and below trials/{status.directory}"
        say(console, f"trial {status.trial_id} failed; its error is in {where}")
    if _outcome(statuses) == "interrupted":
        say(console, how_to_go_on(request))
        return INTERRUPTED
    if failed:
        say(console, f"{len(failed)} of {counted(len(statuses), 'trial')} failed; --resume tries them again")
        return SOME_FAILED
    return DONE if reported else SOME_FAILED


def _report(request: Request, results: ResultsDirectory, console: Console) -> None:
    # The analysis package stands on its own; only this last step of a session knows it.
    from analysis.report import print_summary, write_report
    from analysis.results import write_curves

    write_curves(results.path)
    if request.report:
        say(console, "writing the report ...")
        print_summary(write_report(results.path), console)


def _outcome(statuses: Statuses) -> str:
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
    try:
        with _input_errors(), interrupts.held():
            connect(address)
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _own(results: ResultsDirectory) -> Iterator[None]:
    """Make the results directory and hold its lock, so that no second process writes to it.

    A directory that was made here and holds no study at the end, because the input turned out to be wrong, is removed.
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
        if not results.study.exists():
            results.lock.unlink(missing_ok=True)
            if made_here:
                with contextlib.suppress(OSError):
                    results.path.rmdir()
        lock.release()
