"""The part of a session that trains: images and cluster checked, packs formed and run."""

import contextlib
import sys
import traceback
from collections.abc import Iterator

import ray
from rich.console import Console

from study import interrupts
from study.background import Background
from study.cluster.joining import connect
from study.cluster.nodes import describe_nodes
from study.cluster.resources import concurrent_packs, node_resources, pack_resources
from study.data import ImageData, load
from study.phrasing import counted, say
from study.plan.packs import largest_pack, packed
from study.progress import ProgressDisplay
from study.request import Request, check_room, check_same_data, input_errors
from study.results import provenance
from study.results.files import write_text
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory


def train(request: Request, results: ResultsDirectory, ledger: Ledger, console: Console) -> bool:
    """Check images and cluster, write down what is about to happen, and run what remains.

    Returns:
        Whether it went well; False where the session broke. How far the runs came stands in the ledger.
    """
    study = request.study
    say(console, f"loading the images ({study.data}) ...")
    loading = Background(lambda: load(study.data, request.data_dir, validation=study.validation))
    importing = Background(_import_tuner)
    # Ray takes SIGTERM for itself when it starts, so ours comes after it.
    with _ray(request.address), interrupts.terminate_as_interrupt():
        with input_errors():
            nodes = node_resources()
            wanted = pack_resources(study.resources, nodes)
            check_room(request, wanted, nodes, console)
            slots = concurrent_packs(wanted, nodes)
            data = loading.result()
            check_same_data(results, data)
            facts = describe_nodes(results.path.resolve())
            importing.result()
        try:
            write_text(results.study, study.to_yaml())
            results.records.mkdir(exist_ok=True)
            provenance.begin_session(results.provenance, data, study.precision, request.command, facts)
            _run_packs(request, results, ledger, data, slots, wanted, console)
        except KeyboardInterrupt:
            _end(ledger)
        except Exception as error:  # a full disk, a lost cluster: say so, then keep and report what there is
            if isinstance(error, OSError) and error.filename:
                print(f"the session broke off: {error.strerror}: {error.filename}", file=sys.stderr)
            else:
                traceback.print_exc()
            _end(ledger)
            return False
        finally:
            with contextlib.suppress(OSError):  # the disk may be full, and what it hides is worse
                provenance.end_session(results.provenance, ledger.outcome)
    return True


def _import_tuner() -> None:
    """Ray Tune takes seconds to import; they pass while Ray starts."""
    import study.tuning.tuner  # noqa: F401


def _import_report() -> None:
    """What draws the figures takes seconds to import; they pass while the packs train."""
    import analysis.report  # noqa: F401


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
    from study.tuning.schedulers import make_scheduler
    from study.tuning.tuner import run_packs

    study = request.study
    ledger.ask_for(request.planned)
    ledger.copy_beginnings()
    found = find_states(ledger, results)
    for problem in found.problems:
        say(console, f"warning: {problem}")
    scheduler = make_scheduler(study, ledger)
    remaining = ledger.remaining()
    left = {run.key: ledger.runs[run.key].epochs_left for run in remaining}
    largest = largest_pack(study.resources, on_gpu=wanted["GPU"] > 0)
    groups = packed(remaining, left, slots, largest, whole=scheduler is not None)
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
        if request.report:
            Background(_import_report)
        with ProgressDisplay(console, ledger, [run.key for run in remaining], results.provenance) as display:
            run_packs(study, ledger, packs, found.states, data, results, session, wanted, display, scheduler)


def _end(ledger: Ledger) -> None:
    """Nothing trains any more; a disk that is full must not hide why."""
    with contextlib.suppress(OSError):
        ledger.interrupt()


@contextlib.contextmanager
def _ray(address: str | None) -> Iterator[None]:
    try:
        with input_errors(), interrupts.held():
            connect(address)
        yield
    finally:
        ray.shutdown()
