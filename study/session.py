"""One session of a study: check everything, run what is left of it, report."""

import contextlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from study.continuing import check_plan
from study.growing import growth_of
from study.growth.budget import Spending
from study.growth.protocol import Growth
from study.plan.planned import missing
from study.process import interrupts, locking
from study.process.commands import python_command
from study.process.exit_status import BROKEN, DONE, INTERRUPTED, SOME_FAILED
from study.request import InputError, Request, check_folder, check_writable, input_errors, opened
from study.results.declaring import declare
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.results.provenance import hours_of_sessions
from study.results.run_status import RunStatus
from study.terminal.phrasing import byte_size, cause, counted, describe, nothing_to_train, say, seeds_in_words
from study.tracking.mirror import Mirror
from study.tracking.trackers import lacking, trackers_of

Ending = Literal["completed", "failed", "interrupted", "out of budget", "broke"]


def run(request: Request, console: Console) -> int:
    """Run a session and return the exit status.

    Raises:
        InputError: before anything was started.
    """
    if (problem := lacking(request.study)) is not None:
        raise InputError(problem)
    results = ResultsDirectory(request.results)
    with input_errors():
        check_folder(request, results)
    with _own(results):
        with input_errors():
            # Again, now that nobody else can change it: another process may have been here in between.
            check_folder(request, results)
            ledger, problems = opened(request, results)
            check_plan(request, results, ledger.planned)
        for problem in problems:
            say(console, f"warning: {problem}")
        well = True
        growth = growth_of(request.study, ledger, results)
        spending = Spending(request.study, ledger, hours_of_sessions(results.provenance, results.trials_table))
        with _mirror(request, results, ledger, console):
            if ledger.remaining() or any(missing(request.planned, ledger.planned)) or not growth.finished:
                # Ray takes seconds to import: only those who train wait for it.
                with interrupts.held():
                    from study.execution import train

                well = train(request, results, ledger, growth, spending, console)
            else:
                request.note(console, f"{request.study.name}: {nothing_to_train(len(ledger.runs))}")
                declare(request.study, ledger, results)
        ending = _ending(ledger, growth, spending) if well else "broke"
        return _finish(request, results, ledger, console, ending, spending)


def _ending(ledger: Ledger, growth: Growth, spending: Spending) -> Ending:
    """How a session ended that did not break."""
    if ledger.outcome != "interrupted" and growth.finished:
        return ledger.outcome
    # What was under way when the budget was used up has ended; Ctrl-C ends it earlier.
    cut_off = any(status.state == "interrupted" for status in ledger.runs.values())
    return "out of budget" if spending.used_up() and not cut_off else "interrupted"


def _mirror(request: Request, results: ResultsDirectory, ledger: Ledger, console: Console) -> Mirror:
    """Hands the curves to the programs that the study names, while it trains and at its end."""
    with input_errors():
        trackers = trackers_of(request.study, results)
    return Mirror(trackers, ledger, results, lambda text: say(console, text))


def how_to_go_on(request: Request) -> str:
    """The last words of an interrupted session: the command that resumes it."""
    return f"interrupted; what was trained is kept. To go on: {request.command_that_goes_on}"


def _finish(
    request: Request, results: ResultsDirectory, ledger: Ledger, console: Console, ending: Ending, spending: Spending
) -> int:
    """Curves, report and the last words; the exit status."""
    status, to_write_it = DONE, python_command("analysis", [str(results.path)])
    try:
        _report(request, results, console)
    except KeyboardInterrupt:
        say(console, f"the report was interrupted; to write it: {to_write_it}")
        status = INTERRUPTED
    except Exception as error:  # a full disk, say: what was trained is kept, and that should be the last word
        if isinstance(error, OSError):
            print(cause(error, results.path), file=sys.stderr)
        else:
            traceback.print_exc()
        say(console, f"the report could not be written; after correcting that: {to_write_it}")
        status = SOME_FAILED
    say(console, f"results: {results.path} ({byte_size(_room_of(results.path))})")
    _say_failed(ledger, results.path, console)
    if ending == "broke":
        say(console, f"the session broke off; what was trained is kept. To go on: {request.command_that_goes_on}")
        return BROKEN
    if ending == "interrupted":
        say(console, how_to_go_on(request))
        return INTERRUPTED
    if ending == "out of budget":
        say(console, f"{spending.words()}; --resume with a larger budget goes on: {request.command_that_goes_on}")
    if ending == "failed":
        say(console, f"to try the failed runs again: {request.command_that_goes_on}")
        return max(status, SOME_FAILED)
    return status


def _room_of(folder: Path) -> int:
    """The bytes of all files of a folder."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # one that is removed meanwhile
            total += 0 if file.is_dir() else file.lstat().st_size
    return total


def _say_failed(ledger: Ledger, folder: Path, console: Console) -> None:
    failed = [status for status in ledger.runs.values() if status.state == "failed"]
    of_pack: dict[str | None, list[RunStatus]] = {}
    for status in failed:
        of_pack.setdefault(status.directory, []).append(status)
    for directory, statuses in of_pack.items():
        below = "" if directory is None else f" and below trials/{directory}"
        say(console, f"failed: {_runs_in_words(statuses)}; the error is in trials.parquet{below}")
    if failed:
        say(console, f"{len(failed)} of {counted(len(ledger.runs), 'run')} failed")


def _runs_in_words(statuses: Sequence[RunStatus]) -> str:
    of_one: dict[str, list[RunStatus]] = {}
    for status in statuses:
        of_one.setdefault(status.planned.trial_id, []).append(status)
    return "; ".join(
        f"{trial_id} ({describe(each[0].planned.run.configuration)}), "
        f"{seeds_in_words(status.planned.run.seed for status in each)}"
        for trial_id, each in of_one.items()
    )


def _report(request: Request, results: ResultsDirectory, console: Console) -> None:
    # The analysis package stands on its own; only this last step of a session knows it.
    from analysis.report import print_summary, write_report
    from analysis.results import write_curves

    write_curves(results.path)
    if request.report:
        request.note(console, "writing the report ...")
        report = write_report(results.path)
        if request.verbosity != "quiet":
            print_summary(report, console)


@contextlib.contextmanager
def _own(results: ResultsDirectory) -> Iterator[None]:
    """Make the results directory and hold its lock, so that no second process writes to it.

    A directory that was made here and holds no study at the end, because the input turned out to be wrong, is removed.
    """
    made_here = not results.path.exists()
    try:
        results.path.mkdir(parents=True, exist_ok=True)
        with input_errors():
            check_writable(results)
        lock = locking.Lock(results.lock)
        lock.take()
    except locking.HeldError as error:
        raise InputError(f"--results {results.path}: another process is running a study there ({error})") from None
    except OSError as error:
        raise InputError(f"--results {results.path}: cannot be written to ({error.strerror})") from error
    try:
        yield
    finally:
        if not results.study.exists():
            results.lock.unlink(missing_ok=True)
        lock.release()
        if made_here:
            with contextlib.suppress(OSError):
                results.path.rmdir()
