"""What would stop a run, as far as it can be seen without starting anything."""

import os
import shutil
from collections.abc import Callable, Iterator

from study.cluster.joining import ClusterError, check_reachable
from study.cluster.resources import pack_resources, shortage
from study.cluster.temporary import NoFolderError, base_folder
from study.continuing import check_plan
from study.data.arrays import DataError
from study.data.sizes import sizes
from study.request import InputError, Request, check_folder, check_writable, opened
from study.results.ledger import Ledger
from study.results.machine import available_cpus, describe_machine
from study.results.paths import ResultsDirectory
from study.space import SpaceError
from study.tracking.trackers import lacking

_LEAST_ROOM = 100 * 2**20  # bytes; records, checkpoints and report of a small study


def blockers(request: Request) -> Iterator[str]:
    """Yield each reason why the run would not start, or soon break, in words."""
    checks: tuple[Callable[[Request], str | None], ...] = (_trackers, _folder, _images, _disk, _devices)
    for check in checks:
        try:
            problem = check(request)
        except (InputError, SpaceError, DataError, ClusterError, NoFolderError, ValueError, OSError) as error:
            problem = str(error)
        if problem is not None:
            yield problem


def _trackers(request: Request) -> str | None:
    return lacking(request.study)


def there_already(request: Request) -> Ledger | None:
    """Where the study stands that is to be resumed or extended; None where there is none, or none that this may be."""
    results = ResultsDirectory(request.results)
    if request.mode == "start" or not results.study.exists():
        return None
    try:
        check_folder(request, results)
        return opened(request, results)[0]
    except (InputError, SpaceError, ValueError, OSError):  # ``blockers`` says which
        return None


def _folder(request: Request) -> None:
    results = ResultsDirectory(request.results)
    check_folder(request, results)
    check_writable(results)
    if results.study.exists():
        check_plan(request, results, opened(request, results)[0].planned)


def _images(request: Request) -> None:
    sizes(request.study.data, request.study.validation)


def _disk(request: Request) -> str | None:
    """Whether the results directory can be made, and has some room."""
    there = request.results.absolute()
    while not there.exists():
        there = there.parent
    if there != request.results.absolute() and not os.access(there, os.W_OK | os.X_OK):
        return f"--results {request.results}: {there} cannot be written to"
    free = shutil.disk_usage(there).free
    return f"--results {request.results}: the disk has {free // 2**20} MB left" if free < _LEAST_ROOM else None


def _devices(request: Request) -> str | None:
    """Whether the cluster answers; or whether a pack fits on this machine, and Ray finds a place for its files."""
    if request.address is not None:
        check_reachable(request.address)
        return None
    base_folder()
    nodes = [{"CPU": float(available_cpus()), "GPU": float(len(describe_machine()["gpus"]))}]
    return shortage(pack_resources(request.study.resources, nodes), nodes)
