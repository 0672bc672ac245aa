"""What the command line asks for, and the checks that come before anything is started."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from study.cluster.resources import Amounts, shortage
from study.contract import files
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import SpaceError, Study, load_study
from study.terminal.phrasing import Verbosity, as_yaml, say

Mode = Literal["start", "resume", "extend"]

# These say how a study is run or read, not what it computes: they may change between its sessions.
FREE_TO_CHANGE = ("question", "compare", "resources", "checkpoint", "data", "track")
# These say which runs there are; the plan itself is compared.
PLANNED_BY = ("space", "configurations", "seeds", "search", "confirm", "budget")


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
    """What differs, apart from what may change between sessions and from the plan."""
    a, b = ours.model_dump(), theirs.model_dump()
    changed = {key: value for key, value in a.items() if key not in (*FREE_TO_CHANGE, *PLANNED_BY)}
    return list(different_keys(changed, b))


def different_keys(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The keys, dotted, that hold something else, with what they hold here and there."""
    for key, value in ours.items():
        other = theirs.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping) and value.keys() == other.keys():
            yield from different_keys(value, other, f"{path}{key}.")
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
