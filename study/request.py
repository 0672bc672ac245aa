"""What the command line asks for, and the checks that come before anything is started."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from study.cluster.resources import Amounts, shortage
from study.contract import files
from study.data import ImageData
from study.data.sizes import sizes
from study.plan.planned import Planned, missing, planned_by
from study.results import provenance
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import SpaceError, Study, load_study
from study.terminal.phrasing import Verbosity, as_yaml, describe, ranges, say

Mode = Literal["start", "resume", "extend"]

# These say how a study is run or read, not what it computes: they may change between its sessions.
FREE_TO_CHANGE = ("question", "compare", "resources", "checkpoint", "data", "track")
# These say which runs there are; the plan itself is compared.
PLANNED_BY = ("space", "configurations", "seeds", "search", "confirm", "budget")
_OF_A_SEARCH = {"space", "configurations", "seeds", "search"}
# What the data sets that are asked for by a word call themselves; others are folders.
_NAMES = {"digits": "digits", "cifar10": "CIFAR-10"}


class InputError(Exception):
    """What the user asked for cannot be done; nothing was started and nothing overwritten."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        study: the space file with its overrides.
        planned: its plan.
        results: the results directory.
        data_dir: where CIFAR-10 and caches are.
        mode: start a study; resume it where the directory holds it already; extend it, which may add to it.
        address: of a Ray cluster; None for a Ray of this machine.
        report: write figures at the end.
        command: the command line, for the provenance and the hint on how to resume.
        verbosity: how much is said; quiet, only what went wrong and where the results are.
    """

    study: Study
    planned: Sequence[Planned]
    results: Path
    data_dir: Path
    mode: Mode
    address: str | None
    report: bool
    command: str
    verbosity: Verbosity = "normal"

    def note(self, console: Console, text: str) -> None:
        """Say how things go, unless the user wants quiet."""
        if self.verbosity != "quiet":
            say(console, text)

    @property
    def command_that_goes_on(self) -> str:
        """What to enter after the study was broken off."""
        return self.command if self.mode != "start" else f"{self.command} --resume"


def check_folder(request: Request, results: ResultsDirectory) -> None:
    """Refuse a results directory that holds something else than the user thinks.

    Raises:
        InputError: it holds a study and neither ``--resume`` nor ``--extend`` was given, or a study with other
            settings, or other files.
        SpaceError: its study.yaml is wrong.
    """
    folder = results.path
    if scheme := re.match(r"(\w{2,}):/", str(folder)):
        raise InputError(f"--results: is a folder, not an address of {scheme[1]}; mount it, and give the folder")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--results {folder}: is a file, not a folder")
    if not results.study.exists():
        others = (
            [path.name for path in folder.iterdir() if not path.name.startswith(files.LOCK)] if folder.exists() else []
        )
        if others:
            raise InputError(
                f"--results {folder}: is not empty (it holds {', '.join(sorted(others)[:3])}) and holds no study; "
                "choose another folder"
            )
        return
    theirs = load_study(results.study)
    different = _differences(request.study, theirs)
    if different:
        raise InputError(
            f"{folder} holds another study ({'; '.join(different)}); "
            "choose another folder with --results DIR, or give the same settings to resume it"
        )
    if request.mode == "start":
        raise InputError(
            f"{folder} already holds this study; continue it with --resume, add to it with --extend, or choose another "
            "folder with --results DIR"
        )


def check_writable(results: ResultsDirectory) -> None:
    """Refuse a results directory of which a part cannot be written to, such as another user's.

    Raises:
        InputError: it names the first such part.
    """
    folders = (results.path, results.records, results.trials, results.tensorboard)
    written = (results.lock, results.plan, results.search, *results.records.glob("*.jsonl"))
    for part in (*folders, *written):
        if part.exists() and not os.access(part, os.W_OK | (os.X_OK if part.is_dir() else 0)):
            raise InputError(
                f"--results {results.path}: {part} cannot be written to (it belongs to {_owner(part)}): change its "
                "permissions, or go on in a copy of the folder"
            )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # a user without a name here
        return f"user {path.stat().st_uid}"


def opened(request: Request, results: ResultsDirectory) -> tuple[Ledger, list[str]]:
    """Where the study stands in a results directory, and what is wrong there; see ``study.results.opening``."""
    stops = request.study.on_divergence == "stop"
    return open_ledger(results, stop_when_diverged=stops, stop=request.study.stop)


def check_plan(request: Request, results: ResultsDirectory, held: Sequence[Planned]) -> None:
    """Refuse data of another kind, and a plan that leaves out what a study holds or adds to it unasked.

    Args:
        request: with the new plan.
        results: the directory, with its study.yaml where it has one.
        held: what its plan has asked for so far.

    Raises:
        InputError: with the first runs in question.
    """
    if not results.study.exists():
        return
    _check_kind_of_data(request, results)
    theirs = load_study(results.study)
    _check_growth(request, theirs)
    # What a search, a confirmation or a look at stages has asked for is no part of the plan that is known beforehand.
    held = [each for each in held if each.stage == "explore" and request.study.search.algorithm != "optuna"]
    if request.study.most_seeds is not None:
        first = request.study.seed_list
        held = [replace(each, seeds=tuple(seed for seed in each.seeds if seed in first)) for each in held]
    lost = list(missing(held, request.planned))
    if lost:
        _check_seeds(request, theirs, lost)
        by_chance = " (a random search draws other values under another version of numpy)"
        raise InputError(
            f"{results.path} holds runs that these settings do not ask for: {_in_words(lost)}"
            f"{by_chance if request.study.search.algorithm == 'random' else ''}; an extension asks for these too, so "
            "add them, or choose another folder with --results DIR"
        )
    if request.mode in ("resume", "extend"):
        more = list(missing(request.planned, [*held, *planned_by(theirs)]))
        if more and request.study.scheduler.name == "pbt":
            raise InputError(
                f"these settings ask for runs that {results.path} does not hold: {_in_words(more)}; its population has "
                "exchanged states and takes no new members: choose another folder with --results DIR"
            )
        if more and request.mode == "resume":
            raise InputError(
                f"these settings ask for runs that {results.path} does not hold: {_in_words(more)}; to add them to the "
                "study, give --extend instead of --resume"
            )


def _check_seeds(request: Request, theirs: Study, lost: Sequence[Planned]) -> None:
    """Refuse other seeds than those of a study, where it is for them that runs are not asked for any more."""
    ours = request.study
    # Of a configuration that is not asked for at all, the seeds that are asked for are lost too.
    for_their_seeds = any(not set(each.seeds) & set(ours.seed_list) for each in lost)
    if for_their_seeds and ours.seeds != theirs.seeds:
        wanted, there = (as_yaml(study.model_dump(include={"seeds"})["seeds"]) for study in (ours, theirs))
        raise InputError(
            f"{request.results} was run with seeds {there}, and these settings say {wanted}: give "
            f'--set "seeds={there}", or choose another folder with --results DIR'
        )


def _in_words(planned: Sequence[Planned], most: int = 3) -> str:
    """The first of some configurations with their seeds."""
    said = [
        f"{describe(each.configuration)} with seed{'' if len(each.seeds) == 1 else 's'} {ranges(each.seeds)}"
        for each in planned[:most]
    ]
    return "; ".join(said) + (f" and {len(planned) - most} more" if len(planned) > most else "")


def _check_growth(request: Request, theirs: Study) -> None:
    """Refuse another search than a study began with, and one that is longer unless that was asked for."""
    ours = request.study
    if "optuna" in (ours.search.algorithm, theirs.search.algorithm):
        a, b = ours.model_dump(include=_OF_A_SEARCH), theirs.model_dump(include=_OF_A_SEARCH)
        samples = a["search"].pop("samples", 0), b["search"].pop("samples", 0)
        different = list(_different_keys(a, b))
        if different:
            raise InputError(
                f"{request.results} holds another search ({'; '.join(different)}); what was found there was found by "
                "its settings: choose another folder with --results DIR"
            )
        _check_longer(request, "search.samples", *samples)
    for key in ("top", "seeds"):
        wanted, there = (getattr(study.confirm, key, 0) for study in (ours, theirs))
        _check_longer(request, f"confirm.{key}", wanted, there)


def _check_longer(request: Request, key: str, ours: int, theirs: int) -> None:
    if ours < theirs:
        raise InputError(f"{key} is {ours}, and {request.results} was asked for {theirs}: an extension only adds")
    if ours > theirs and request.mode == "resume":
        raise InputError(
            f"{key} is {ours}, and {request.results} was asked for {theirs}: to add to the study, give --extend "
            "instead of --resume"
        )


def _check_kind_of_data(request: Request, results: ResultsDirectory) -> None:
    """Refuse digits for a study that was begun on CIFAR-10 or on a folder of images, and so on.

    This needs no images. Two folders are told apart when they are loaded, as one may have moved.
    """
    earlier = provenance.read_provenance(results.provenance)
    if earlier is None:
        return
    data = request.study.data
    ours, theirs = _NAMES.get("cifar10" if data == "auto" else data), _name_of(earlier["data"])
    if ours == theirs:
        return
    begun_on = theirs or f"the images of a folder ({earlier['data'].get('name')})"
    word = next((word for word, name in _NAMES.items() if name == theirs), "FOLDER")
    raise InputError(
        f"{results.path} was begun on {begun_on}, and these settings ask for {ours or 'a folder'} (data: {data}): "
        f"give --data {word}, or choose another folder with --results DIR"
    )


def _name_of(described: Mapping[str, Any]) -> str | None:
    """CIFAR-10 or digits; None for a folder, which may be called so too."""
    for word, name in _NAMES.items():
        whole = sizes(word)
        train = described.get("train", 0) + described.get("validation", 0)
        if (described.get("name"), train, described.get("test")) == (name, whole.train, whole.test):
            return name
    return None


def check_same_data(results: ResultsDirectory, data: ImageData) -> None:
    """Refuse to go on with other images than a study began with.

    Raises:
        InputError: the fingerprints differ.
    """
    earlier = provenance.read_provenance(results.provenance)
    if earlier is None:
        return
    ours, theirs = provenance.describe_data(data), earlier["data"]
    same = ("fingerprint", "train", "validation", "test")  # whatever the folder is called now
    if any(theirs.get(key) != ours[key] for key in same):
        raise InputError(
            f"{results.path} was begun on {theirs.get('name')} with fingerprint "
            f"{str(theirs.get('fingerprint'))[:12]}, and these images are {data.name} with fingerprint "
            f"{data.fingerprint[:12]}: give the same --data, or choose another folder with --results DIR"
        )
    split = "validation_fingerprint"
    if theirs.get(split, ours[split]) != ours[split]:  # the first version did not note it
        raise InputError(
            f"{results.path} was begun with other images held out for validation: scikit-learn splits differently in "
            "another of its versions; install the one that provenance.json names"
        )


def check_room(request: Request, wanted: Amounts, nodes: Sequence[Amounts], console: Console) -> None:
    """Refuse packs that fit on no node, unless a cluster that was joined may grow by its autoscaler.

    Raises:
        InputError: a pack fits nowhere and no machine can be waited for, or it has no use for the device it gets.
    """
    if request.study.precision == "tf32" and not wanted["GPU"]:
        raise InputError("precision tf32: exists on NVIDIA GPUs only, and these runs have none; use float32 or bf16")
    problem = shortage(wanted, nodes)
    if problem is None:
        return
    if request.address is None:
        raise InputError(problem)
    if request.study.resources.gpus == "auto":
        raise InputError(
            f"{problem}. If machines with GPUs are still to join (autoscaling), ask for them: --set resources.gpus=1"
        )
    say(console, f"warning: {problem}. Runs wait until a large enough machine joins the cluster.")


def _differences(ours: Study, theirs: Study) -> list[str]:
    """The keys, dotted, that hold something else, with what they hold here and there."""
    a, b = ours.model_dump(), theirs.model_dump()
    changed = {key: value for key, value in a.items() if key not in (*FREE_TO_CHANGE, *PLANNED_BY)}
    return list(_different_keys(changed, b))


def _different_keys(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in ours.items():
        other = theirs.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping) and value.keys() == other.keys():
            yield from _different_keys(value, other, f"{path}{key}.")
        elif value != other:
            yield f"{path}{key} is {as_yaml(value)}, there {as_yaml(other)}"


@contextmanager
def input_errors() -> Iterator[None]:
    """The errors of the parts that check input, as one kind."""
    try:
        yield
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        raise InputError(said) from error
    except (SpaceError, ValueError) as error:
        raise InputError(str(error)) from error
