"""Whether what is asked for goes on with the study that a results directory holds: its data, its runs, its search."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from study.data import ImageData
from study.data.sizes import sizes
from study.plan.planned import Planned, missing, planned_by
from study.request import InputError, Request, different_keys
from study.results import provenance
from study.results.paths import ResultsDirectory
from study.space import Study, load_study
from study.terminal.phrasing import as_yaml, describe, seeds_in_words

_OF_A_SEARCH = {"space", "configurations", "seeds", "search"}
# What the data sets that are asked for by a word call themselves; others are folders.
_NAMES = {"digits": "digits", "cifar10": "CIFAR-10"}


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
    said = [f"{describe(each.configuration)} with {seeds_in_words(each.seeds)}" for each in planned[:most]]
    return "; ".join(said) + (f" and {len(planned) - most} more" if len(planned) > most else "")


def _check_growth(request: Request, theirs: Study) -> None:
    """Refuse another search than a study began with, and one that is longer unless that was asked for."""
    ours = request.study
    if "optuna" in (ours.search.algorithm, theirs.search.algorithm):
        a, b = ours.model_dump(include=_OF_A_SEARCH), theirs.model_dump(include=_OF_A_SEARCH)
        samples = a["search"].pop("samples", 0), b["search"].pop("samples", 0)
        different = list(different_keys(a, b))
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
