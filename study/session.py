"""One session of a study: check everything, run what is left of it, report."""

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import ray
from rich.console import Console

from study import interrupts
from study.background import Background
from study.cluster.joining import ClusterError, connect
from study.cluster.nodes import describe_nodes
from study.cluster.resources import concurrent_packs, node_resources, pack_resources
from study.contract.states import ENDED
from study.data import DataError, ImageData, load
from study.exit_status import BROKEN, DONE, INTERRUPTED, SOME_FAILED
from study.phrasing import counted, describe, ranges, say
from study.plan.packs import largest_pack, packed
from study.plan.planned import missing
from study.progress import ProgressDisplay
from study.request import InputError, Request, check_folder, check_plan, check_room, check_same_data
from study.results import provenance
from study.results.files import write_text
from study.results.ledger import Ledger, RunStatus
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import SpaceError


def run(request: Request, console: Console) -> int:
    """Run a session and return the exit status.

    Raises:
        InputError: before anything was started.
    """
    results = ResultsDirectory(request.results)
    with _input_errors():
        check_folder(request, results)
    with _own(results):
        with _input_errors():
            # Again, now that nobody else can change it: another process may have been here in between.
            check_folder(request, results)
            stops = request.study.on_divergence == "stop"
            ledger, problems = open_ledger(results, stop_when_diverged=stops)
            check_plan(request, results, ledger.planned)
        for problem in problems:
            say(console, f"warning: {problem}")
        well = True
        if ledger.remaining() or any(missing(request.planned, ledger.planned)):
            well = _train(request, results, ledger, console)
        else:
            say(console, f"{request.study.name}: nothing to train, all {counted(len(ledger.runs), 'run')} have ended")
            write_text(results.study, request.study.to_yaml())
        return _finish(request, results, ledger, console, well=well)


def how_to_go_on(request: Request) -> str:
    """The last words of an interrupted session: the command that resumes it."""
    return f"interrupted; what was trained is kept. To go on: {_resume_command(request)}"


def _resume_command(request: Request) -> str:
    return request.command if request.mode != "start" else f"{request.command} --resume"


def _train(request: Request, results: ResultsDirectory, ledger: Ledger, console: Console) -> bool:
    """Check images and cluster, write down what is about to happen, and run what remains.

    Returns:
        Whether it went well; False where the session broke. How far the runs came stands in the ledger.
    """
    study = request.study
    say(console, f"loading the images ({study.data}) ...")
    loading = Background(lambda: _load(request))
    # Ray takes SIGTERM for itself when it starts, so ours comes after it.
    with _ray(request.address), interrupts.terminate_as_interrupt():
        with _input_errors():
            nodes = node_resources()
            wanted = pack_resources(study.resources, nodes)
            check_room(request, wanted, nodes, console)
            data = loading.result()
            check_same_data(results, data)
            facts = describe_nodes(results.path.resolve())
        try:
            write_text(results.study, study.to_yaml())
            results.records.mkdir(exist_ok=True)
            provenance.begin_session(results.provenance, data, study.precision, request.command, facts)
            _run_packs(request, results, ledger, data, concurrent_packs(wanted, nodes), wanted, console)
        except KeyboardInterrupt:
            _end(ledger)
        except Exception:  # a full disk, a lost cluster: say so, then keep and report what there is
            traceback.print_exc()
            _end(ledger)
            return False
        finally:
            with contextlib.suppress(OSError):  # the disk may be full, and what it hides is worse
                provenance.end_session(results.provenance, _outcome(ledger))
    return True


def _load(request: Request) -> ImageData:
    # Ray Tune takes seconds to import; here they pass while Ray starts.
    import study.tuning.tuner

    assert study.tuning.tuner
    return load(request.study.data, request.data_dir, validation=request.study.validation)


def _run_packs(
    request: Request,
    results: ResultsDirectory,
    ledger: Ledger,
    data: ImageData,
    slots: int,
    wanted: dict[str, float],
    console: Console,
) -> None:
    from study.tuning.checkpoints import find_states, next_session
    from study.tuning.tuner import run_packs

    study = request.study
    ledger.ask_for(request.planned)
    ledger.copy_beginnings()
    found = find_states(ledger, results)
    for problem in found.problems:
        say(console, f"warning: {problem}")
    remaining = ledger.remaining()
    left = {run.key: ledger.runs[run.key].epochs_left for run in remaining}
    groups = packed(remaining, left, slots, largest_pack(study.resources, on_gpu=wanted["GPU"] > 0))
    session = next_session(results.trials)
    packs = ledger.form_packs(groups, session)
    say(
        console,
        f"{study.name} on {data.name}: {len(remaining)} of {counted(len(ledger.runs), 'run')} to train, "
        f"{counted(sum(left.values()), 'model-epoch')} in {counted(len(packs), 'pack')}, "
        f"up to {min(len(packs), slots)} at once "
        f"({counted(wanted['CPU'], 'CPU')} and {counted(wanted['GPU'], 'GPU')} each)",
    )
    if packs:
        with ProgressDisplay(console, ledger, [run.key for run in remaining]) as display:
            run_packs(study, ledger, packs, found.states, data, results, session, wanted, display)


def _end(ledger: Ledger) -> None:
    """Nothing trains any more; a disk that is full must not hide why."""
    with contextlib.suppress(OSError):
        ledger.interrupt()


def _finish(request: Request, results: ResultsDirectory, ledger: Ledger, console: Console, *, well: bool) -> int:
    """Curves, report and the last words; the exit status."""
    reported = True
    try:
        _report(request, results, console)
    except KeyboardInterrupt:
        say(console, f"the report was interrupted; to write it: python -m analysis {results.path}")
        if _outcome(ledger) == "completed":
            return INTERRUPTED
    except Exception:  # a full disk, say: what was trained is kept, and that should be the last word
        traceback.print_exc()
        say(console, f"the report could not be written; after correcting that: python -m analysis {results.path}")
        reported = False
    say(console, f"results: {results.path}")
    _say_failed(ledger, results.path, console)
    outcome = _outcome(ledger)
    if not well:
        say(console, f"the session broke off; what was trained is kept. To go on: {_resume_command(request)}")
        return BROKEN
    if outcome == "interrupted":
        say(console, how_to_go_on(request))
        return INTERRUPTED
    if outcome == "failed":
        say(console, f"to try the failed runs again: {_resume_command(request)}")
        return SOME_FAILED
    return DONE if reported else SOME_FAILED


def _say_failed(ledger: Ledger, folder: Path, console: Console) -> None:
    failed = [status for status in ledger.runs.values() if status.state == "failed"]
    of_pack: dict[str | None, list[RunStatus]] = {}
    for status in failed:
        of_pack.setdefault(status.directory, []).append(status)
    for directory, statuses in of_pack.items():
        say(console, f"failed: {_runs_in_words(statuses)}; the error is in trials.parquet and below trials/{directory}")
    if failed:
        say(console, f"{len(failed)} of {counted(len(ledger.runs), 'run')} failed")


def _runs_in_words(statuses: Sequence[RunStatus]) -> str:
    of_one: dict[str, list[RunStatus]] = {}
    for status in statuses:
        of_one.setdefault(status.planned.trial_id, []).append(status)
    return "; ".join(
        f"{trial_id} ({describe(each[0].planned.run.configuration)}), "
        f"seed{'' if len(each) == 1 else 's'} {ranges(status.planned.run.seed for status in each)}"
        for trial_id, each in of_one.items()
    )


def _report(request: Request, results: ResultsDirectory, console: Console) -> None:
    # The analysis package stands on its own; only this last step of a session knows it.
    from analysis.report import print_summary, write_report
    from analysis.results import write_curves

    write_curves(results.path)
    if request.report:
        say(console, "writing the report ...")
        print_summary(write_report(results.path), console)


def _outcome(ledger: Ledger) -> str:
    found = {status.state for status in ledger.runs.values()}
    if found - ENDED - {"failed"}:
        return "interrupted"
    return "failed" if "failed" in found else "completed"


@contextlib.contextmanager
def _input_errors() -> Iterator[None]:
    """The errors of the parts that check input, as one kind."""
    try:
        yield
    except (DataError, SpaceError, ClusterError, ValueError, OSError) as error:
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
