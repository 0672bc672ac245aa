"""What the command line asks for, and the checks that come before anything is started."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from study.data import ImageData
from study.plan.trials import PlannedTrial
from study.progress import say
from study.results import provenance
from study.results.directory import ResultsDirectory
from study.space import Study, load_study
from study.tuning.tuner import shortage

# These say how a study is run or read, not what it computes: they may change between its sessions.
FREE_TO_CHANGE = ("question", "compare", "resources", "checkpoint", "data")


class InputError(Exception):
    """What the user asked for cannot be done; nothing was started and nothing overwritten."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        study: the space file with its overrides.
        trials: its plan.
        results: the results directory.
        data_dir: where CIFAR-10 and caches are.
        resume: go on with the study that the results directory holds.
        address: of a Ray cluster; None for a Ray of this machine.
        report: write figures at the end.
        command: the command line, for the provenance and the hint on how to resume.
    """

    study: Study
    trials: Sequence[PlannedTrial]
    results: Path
    data_dir: Path
    resume: bool
    address: str | None
    report: bool
    command: str


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
            f"{folder} holds another study ({'; '.join(different)}); "
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
    ours = provenance.describe_data(data)
    same = ("fingerprint", "train", "validation", "test")  # whatever the folder is called now
    if earlier is not None and any(earlier["data"].get(key) != ours[key] for key in same):
        raise InputError(
            f"{results.path} was begun on {earlier['data'].get('name')} with fingerprint "
            f"{str(earlier['data'].get('fingerprint'))[:12]}, and these images are {data.name} with fingerprint "
            f"{data.fingerprint[:12]}: give the same --data, or choose another folder with --results DIR"
        )


def check_room(
    request: Request, wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]], console: Console
) -> None:
    """A machine of our own will not grow; a cluster that was joined may, by its autoscaler.

    Raises:
        InputError: a trial fits nowhere and nothing can be hoped for, or it has no use for the device it gets.
    """
    if request.study.precision == "tf32" and not wanted["GPU"]:
        raise InputError("precision tf32: exists on NVIDIA GPUs only, and these trials have none; use float32 or bf16")
    problem = shortage(wanted, nodes)
    if problem is None:
        return
    if request.address is None:
        raise InputError(problem)
    if request.study.resources.gpus == "auto":
        raise InputError(
            f"{problem}. If machines with GPUs are still to join (autoscaling), ask for them: --set resources.gpus=1"
        )
    say(console, f"warning: {problem}. Trials wait until a large enough machine joins the cluster.")


def _differences(ours: Study, theirs: Study) -> list[str]:
    """The keys, dotted, that hold something else, with what they hold here and there."""
    a, b = (study.model_dump() | {"seeds": study.seed_list} for study in (ours, theirs))
    changed = {key: value for key, value in a.items() if key not in FREE_TO_CHANGE}
    return list(_different_keys(changed, b))


def _different_keys(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in ours.items():
        other = theirs.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping) and value.keys() == other.keys():
            yield from _different_keys(value, other, f"{path}{key}.")
        elif value != other:
            yield f"{path}{key} is {value}, there {other}"
