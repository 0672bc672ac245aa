"""The part of a session that trains: images and cluster checked, packs formed and run."""

import contextlib
import ctypes
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from study.cluster.joining import connected, joined_cluster
from study.cluster.nodes import describe_nodes
from study.cluster.resources import amounts, concurrent_packs, node_resources, pack_resources
from study.continuing import check_same_data
from study.data import hold_out, load
from study.forecast.typical import model_epochs, typical
from study.growing import expectation, selects_by_test
from study.growth.budget import Spending
from study.growth.protocol import Growth
from study.growth.supply import Groups, Supply
from study.plan.packs import Pack, largest_pack, packed
from study.plan.planned import PlannedRun
from study.process import interrupts
from study.process.background import Background
from study.request import Request, check_room, input_errors
from study.results import provenance
from study.results.declaring import declare
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.space import Study
from study.terminal.phrasing import cause, counted, nothing_to_train, say
from study.terminal.progress import ProgressDisplay

if TYPE_CHECKING:
    from study.tuning.callback import Listener
    from study.tuning.trainable import Images


_M_ARENA_MAX = -8  # malloc.h


def train(
    request: Request, results: ResultsDirectory, ledger: Ledger, growth: Growth, spending: Spending, console: Console
) -> bool:
    """Check images and cluster, write down what is about to happen, and run what remains and what the plan grows by.

    Returns:
        Whether it went well; False where the session broke. How far the runs came stands in the ledger.
    """
    _share_an_arena()
    study = request.study
    request.note(console, f"loading the images ({study.data}) ...")
    loading = Background(lambda: _load(request))
    importing = Background(_import_tuner)
    session = provenance.Session(results.provenance)
    with _ray(request, session):
        with input_errors():
            nodes = node_resources()
            if request.address:
                request.note(console, joined_cluster())
            wanted = pack_resources(study.resources, nodes)
            check_room(request, wanted, nodes, console)
            slots = concurrent_packs(wanted, nodes)
            images = loading.result()
            check_same_data(results, images["data"])
            facts = describe_nodes(results.path.resolve())
            importing.result()
        try:
            declare(study, ledger, results)
            results.records.mkdir(exist_ok=True)
            session.begin(images["data"], study.precision, request.command, facts)
            _run_packs(request, results, ledger, growth, spending, images, slots, wanted, console)
        except KeyboardInterrupt:
            _end(ledger)
        except Exception as error:  # a full disk, a lost cluster: say so, then keep and report what there is
            if isinstance(error, OSError):
                print(f"the session broke off: {cause(error, results.path)}", file=sys.stderr)
            else:
                traceback.print_exc()
            _end(ledger)
            return False
        finally:
            with contextlib.suppress(OSError):  # the disk may be full, and what it hides is worse
                session.end(ledger.outcome)
    return True


def _share_an_arena() -> None:
    """Let all threads allocate from one arena of glibc, where there is glibc.

    By default each of the first eight threads a core gets its own, which gives nothing back: every one of them came to
    hold as much as Ray Tune's state takes, which grows with every trial.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _import_tuner() -> None:
    """Ray Tune takes seconds to import; they pass while Ray starts."""
    import study.tuning.tuner  # noqa: F401


def _import_report() -> None:
    """What draws the figures takes seconds to import; they pass while the packs train."""
    import analysis.report  # noqa: F401


def _load(request: Request) -> "Images":
    """The images without and, where winners are confirmed, with those that are held out."""
    study = request.study
    everything = load(study.data, request.data_dir)
    data = hold_out(everything, study.validation)
    return {"data": data, "all_data": everything if study.confirm and study.validation else None}


def _run_packs(
    request: Request,
    results: ResultsDirectory,
    ledger: Ledger,
    growth: Growth,
    spending: Spending,
    images: "Images",
    slots: int,
    wanted: dict[str, float],
    console: Console,
) -> None:
    from study.tuning.checkpoints import find_states, next_session
    from study.tuning.population import Population
    from study.tuning.schedulers import make_scheduler
    from study.tuning.tuner import run_packs

    study = request.study
    ledger.ask_for(request.planned)
    ledger.copy_beginnings()
    found = find_states(ledger, results)
    for problem in found.problems:
        say(console, f"warning: {problem}")
    scheduler = make_scheduler(study, ledger)
    session = next_session(results.trials)
    largest = largest_pack(study.resources, on_gpu=wanted["GPU"] > 0)

    whole = scheduler is not None

    def split(runs: Sequence[PlannedRun]) -> Groups:
        return packed(runs, {run.key: ledger.runs[run.key].epochs_left for run in runs}, slots, largest, whole=whole)

    if study.scheduler.name == "pbt":
        supply = Population(study, ledger, results, session, spending.used_up)
    else:
        supply = Supply(ledger, growth, split, session, slots, spending.used_up)
    packs = supply.begin()
    _say_what_trains(request, images["data"].name, ledger, growth, packs, slots, wanted, console)
    if supply.finished:
        return
    if request.report:
        Background(_import_report)
    foreseen = 0 if growth.finished else model_epochs(typical(study))
    with (
        ProgressDisplay(
            console,
            ledger,
            results.provenance,
            verbosity=request.verbosity,
            expected=lambda: 0 if growth.finished else foreseen,
            waiting=f"waiting for free devices: a pack needs {amounts(wanted)}" if request.address else None,
        ) as display,
        _listeners(study, ledger, results, display) as listener,
        interrupts.kept(),
    ):
        run_packs(study, ledger, supply, found.states, images, results, session, wanted, listener, scheduler)


def _say_what_trains(
    request: Request,
    images: str,
    ledger: Ledger,
    growth: Growth,
    packs: Sequence[Pack],
    slots: int,
    wanted: dict[str, float],
    console: Console,
) -> None:
    study, remaining = request.study, ledger.remaining()
    if warning := selects_by_test(study):
        request.note(console, f"warning: {warning}")
    epochs = sum(ledger.runs[run.key].epochs_left for run in remaining)
    each = f"({amounts(wanted)} each)"
    if growth.finished and not remaining:  # a look, which needs these settings written, asks for no more seeds
        request.note(console, f"{study.name} on {images}: {nothing_to_train(len(ledger.runs))}")
    elif packs or growth.finished:
        request.note(
            console,
            f"{study.name} on {images}: {len(remaining)} of {counted(len(ledger.runs), 'run')} to train, "
            f"{counted(epochs, 'model-epoch')} in {counted(len(packs), 'pack')}, "
            f"up to {min(len(packs), slots)} at once {each}",
        )
    if not growth.finished:
        request.note(console, f"{study.name} on {images}: {expectation(study)}, up to {slots} packs at once {each}")


@contextlib.contextmanager
def _listeners(
    study: Study, ledger: Ledger, results: ResultsDirectory, display: ProgressDisplay
) -> "Iterator[Listener]":
    """Who hears of every change: the display, and of a search its copy for optuna-dashboard."""
    if study.search.algorithm != "optuna":
        yield display
        return
    from study.search.database import SearchDatabase
    from study.tuning.callback import Listeners

    database = SearchDatabase(study, ledger, results.search)
    try:
        yield Listeners([display, database])
    finally:
        database.update()
        database.close()


def _end(ledger: Ledger) -> None:
    """Nothing trains any more; a disk that is full must not hide why."""
    with contextlib.suppress(OSError):
        ledger.interrupt()


@contextlib.contextmanager
def _ray(request: Request, session: provenance.Session) -> Iterator[None]:
    def last_words(reason: str) -> str:
        with contextlib.suppress(OSError, ValueError):
            session.end("interrupted")
        return f"the session broke off: {reason}; what was trained is kept. To go on: {request.command_that_goes_on}"

    with contextlib.ExitStack() as stack:
        with input_errors(), interrupts.held():
            stack.enter_context(connected(request.address, last_words))
        yield
