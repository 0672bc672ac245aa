"""Reads a space file and its overrides, and names every problem at once with its place."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from study.space.messages import SELECTED_BY, message_of, path_of
from study.space.study import Study
from study.space.yaml import UNREAD, Document, Place, Problem, read_yaml
from study.space.yaml import Path as KeyPath


class SpaceError(Exception):
    """A space file or an override is wrong.

    Attributes:
        problems: one line each, ``FILE:LINE:COLUMN: key: what is wrong`` in the order of the file, then those of
            overrides as ``--set KEY=VALUE: key: what is wrong``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        """Take the problems in the order of their places."""
        super().__init__(problems)
        self.problems = list(problems)

    def __str__(self) -> str:
        """One line for each problem."""
        return "\n".join(map(str, self.problems))


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a space file.

    Args:
        path: the YAML 1.2 file, UTF-8.
        overrides: ``KEY=VALUE`` each: KEY dotted (``space.epochs``), VALUE in YAML. They win over the file, the later
            over the earlier, and only what they leave is checked.

    Raises:
        SpaceError: holds every problem of the file and the overrides.
    """
    document = _read_file(path)
    readable = document.value is not None
    for number, override in enumerate(overrides, start=1):
        _apply(document, override, number)
    problems = document.problems
    if readable:
        try:
            study = Study.model_validate(document.value)
        except ValidationError as error:
            problems += _invalid(document, error.errors(include_url=False))
        else:
            if not problems:
                return study
    lines = [str(problem) for problem in sorted(problems, key=lambda problem: problem.place)]
    raise SpaceError(list(dict.fromkeys(lines)))


def _read_file(path: Path) -> Document:
    """Read the file; the document's value is a mapping, or None where its syntax is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpaceError([f"{path}: there is no such file{_near_file(path)}"]) from None
    except IsADirectoryError:
        raise SpaceError([f"{path}: is a folder; give a space file, such as {path / 'depth.yaml'}"]) from None
    except UnicodeDecodeError as error:
        raise SpaceError([f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None
    except OSError as error:
        raise SpaceError([f"{path}: cannot be read ({error.strerror})"]) from None
    except ValueError as error:  # a null character in the name
        raise SpaceError([f"{str(path)!r}: is no file name ({error})"]) from None
    document = read_yaml(text, lambda line, column: Place(0, line, column, f"{path}:{line}:{column}"))
    if document.value is None and not document.problems:
        raise SpaceError([f"{path}: is empty; it should hold at least name and space"])
    if not isinstance(document.value, dict | None):
        raise SpaceError([f"{document.values[()].text}: a space file should hold keys and values, such as name: depth"])
    return document


def _near_file(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix in (".yaml", ".yml")]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {path.parent / near[0]}?)" if near else ""


def _apply(document: Document, override: str, number: int) -> None:
    """Set what an override says, making sections on the way; the places of what it replaces are forgotten."""
    key, equals, value = override.partition("=")
    path: KeyPath = tuple(part.strip() for part in key.split("."))
    place = Place(number, 1, 1, f"--set {override}")
    if not equals or not all(path):
        message = "should be KEY=VALUE with a dotted key, such as space.epochs=2"
        document.problems.append(Problem(place, (), message))
        return
    part = read_yaml(value, lambda line, column: place, path)
    if part.problems or document.value is None:
        document.problems += part.problems
        return
    section = document.value
    for depth, name in enumerate(path[:-1], start=1):
        document.keys.setdefault(path[:depth], place)
        if not isinstance(section.get(name), dict):
            section[name] = {}
            _forget(document, path[:depth])
            document.keys[path[:depth]] = document.values[path[:depth]] = place
        section = section[name]
    section[path[-1]] = part.value
    _forget(document, path)
    document.keys |= part.keys | {path: place}
    document.values |= part.values


def _forget(document: Document, path: KeyPath) -> None:
    for places in (document.keys, document.values):
        for each in [each for each in places if each[: len(path)] == path]:
            del places[each]


def _invalid(document: Document, errors: Sequence[ErrorDetails]) -> list[Problem]:
    """The errors of validation as problems, but for values that could not even be read."""
    # pydantic counts the valid entries of a list only; with entries in it, these are the fault.
    errors = [error for error in errors if error["type"] != "too_short" or not error["input"]]
    # Nor is a default at fault that depends on a wrong part.
    errors = [error for error in errors if error["type"] != "default_factory_not_called"]
    further = _further_rules(document.value, errors)
    return [_problem(error, document) for error in (*errors, *further) if error["input"] is not UNREAD]


def _further_rules(values: dict[str, Any], errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """The rules between parts that are broken beside the parts that are wrong in themselves.

    pydantic looks at the rules only when every part is right. So that both kinds are reported at once, the wrong parts
    give way to their defaults, and rules that need one of them are left out.
    """
    wrong = {_part(path_of(error)) for error in errors if error["type"] != "rule"}
    if not wrong:
        return []
    try:
        Study.model_validate(_without(values, wrong))
    except ValidationError as error:
        return [each for each in error.errors(include_url=False) if not _touches(each, wrong)]
    return []


def _part(path: KeyPath) -> KeyPath:
    """The part that gives way: an axis, an entry of compare, or a whole section."""
    return path[:2] if path[0] in ("space", "compare") else path[:1]


def _without(values: dict[str, Any], wrong: set[KeyPath]) -> dict[str, Any]:
    kept = {key: each for key, each in values.items() if (key,) not in wrong}
    for section in ("space", "compare"):
        if isinstance(kept.get(section), dict):
            kept[section] = {key: each for key, each in kept[section].items() if (section, key) not in wrong}
    return {"name": "unnamed"} | kept


def _touches(error: ErrorDetails, wrong: set[KeyPath]) -> bool:
    needs = error.get("ctx", {}).get("needs", ())
    return error["type"] != "rule" or any(
        need[: len(part)] == part or part[: len(need)] == need for need in needs for part in wrong
    )


def _problem(error: ErrorDetails, document: Document) -> Problem:
    path = path_of(error)
    if error["type"] == "extra_forbidden":
        return Problem(document.place_of(path, key=True), path, message_of(error))
    place = document.place_of(path)
    if error["type"] == "missing" and path[0] in SELECTED_BY:
        # What asks for the missing key is the algorithm or the scheduler.
        place = document.place_of((path[0], SELECTED_BY[str(path[0])]))
    return Problem(place, path, message_of(error) + _other_place(error, document, place))


def _other_place(error: ErrorDetails, document: Document, place: Place) -> str:
    """Where the other key is that the message of a rule ends with."""
    other = error.get("ctx", {}).get("other") if error["type"] == "rule" else None
    if not other or document.place_of(other).text == place.text:
        return ""
    there = document.place_of(other)
    return f" (line {there.line}, column {there.column})"
