"""What would stop a run, as far as it can be seen without starting anything."""

import os
import shutil
from collections.abc import Callable, Iterator

from study.cluster.joining import ClusterError, check_reachable
from study.cluster.resources import pack_resources, shortage
from study.cluster.temporary import NoFolderError, base_folder
from study.data.arrays import DataError
from study.data.sizes import sizes
from study.request import InputError, Request, check_folder, check_writable
from study.results.machine import available_cpus, describe_machine
from study.results.paths import ResultsDirectory
from study.space import SpaceError

_LEAST_ROOM = 100 * 2**20  # bytes; records, checkpoints and report of a small study


def blockers(request: Request) -> Iterator[str]:
    """Yield each reason why the run would not start, or soon break, in words."""
    checks: tuple[Callable[[Request], str | None], ...] = (_folder, _images, _disk, _devices)
    for check in checks:
        try:
            problem = check(request)
        except (InputError, SpaceError, DataError, ClusterError, NoFolderError, OSError) as error:
            problem = str(error)
        if problem is not None:
            yield problem


def _folder(request: Request) -> None:
    results = ResultsDirectory(request.results)
    check_folder(request, results)
    check_writable(results)


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
