"""YAML 1.2 with the place of every key and value, and every problem named with its place."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from ruamel.yaml import YAML, RoundTripRepresenter
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Path = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_SCALARS = {"null", "bool", "int", "float", "str"}
# A space file needs five levels; thousands would exhaust the stack.
_DEEPEST = 20
# Stands for a value that could not be read; it has a problem of its own and needs no second one.
UNREAD = object()


class Place(NamedTuple):
    """Where something stands; places sort as a reader meets them, the command line after the file."""

    override: int
    line: int
    column: int
    text: str


class Problem(NamedTuple):
    """What is wrong, and where; an empty path where it is about no key."""

    place: Place
    path: Path
    message: str

    def __str__(self) -> str:
        """One line, whatever the parts hold."""
        key = dotted(self.path)
        return " ".join(f"{self.place.text}: {f'{key}: ' if key else ''}{self.message}".split())


@dataclass
class Document:
    """Plain values (dict, list, str, int, float, bool, None) and their places.

    Attributes:
        value: the content; None where there is none or its syntax is wrong.
        values: the place of each value by its path.
        keys: the place of each key of a mapping by its path.
        problems: what could not be read; there UNREAD stands, and for a key that stands twice its first value.
    """

    value: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place_of(self, path: Path, key: bool = False) -> Place:
        """The place of a value, or of its key; where the path is not there, of the nearest one above it."""
        if not key and path in self.values:
            return self.values[path]
        while path:
            if path in self.keys:
                return self.keys[path]
            if isinstance(path[-1], int) and path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.values[()]


def read_yaml(text: str, place: Callable[[int, int], Place], path: Path = ()) -> Document:
    """Read one YAML 1.2 document; what is wrong with it stands in its problems.

    Problems are wrong syntax; a key that is no text or stands twice; anchors, aliases and merge keys, which would give
    a value more than one place; and tags of other types than YAML's own.

    Args:
        text: the document.
        place: line and column (from 1) to a Place.
        path: of the document itself, where it is a part of another.
    """
    document = Document(values={path: place(1, 1)})
    try:
        document.problems += _refused(text, place, path)
        if document.problems:
            return document
        yaml = _yaml()
        node = yaml.compose(text)
        if node is not None:
            document.value = _Reader(yaml, place, document).read(node, path)
    except YAMLError as error:
        document.problems.append(_syntax_problem(error, text, place, path))
    return document


def _refused(text: str, place: Callable[[int, int], Place], path: Path) -> list[Problem]:
    """What makes values that have no end or more than one place."""
    problems = []
    depth = 0
    for event in _yaml().parse(text):
        at = _at(event.start_mark, place)
        if getattr(event, "anchor", None):
            message = "anchors (&) and aliases (*) are not supported; write the value out"
            problems.append(Problem(at, path, message))
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            return [*problems, Problem(at, path, "is nested too deeply")]
    return problems


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


@dataclass
class _Reader:
    """Turns nodes into values and notes their places."""

    yaml: YAML
    place: Callable[[int, int], Place]
    document: Document

    def read(self, node: Node, path: Path) -> Any:
        place = _at(node.start_mark, self.place)
        # An empty value ends where the next key begins: its own key is the better place.
        empty = isinstance(node, ScalarNode) and node.value == "" and node.style is None
        self.document.values[path] = self.document.keys.get(path, place) if empty else place
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.read(item, (*path, number)) for number, item in enumerate(cast(list[Node], node.value))]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in cast(list[tuple[Node, Node]], node.value):
            place = _at(key_node.start_mark, self.place)
            key = self._key(key_node, path, place)
            if key is None:
                continue
            here = (*path, key)
            if key in values:
                first = self.document.keys[here]
                message = f"the key stands twice; first at line {first.line}, column {first.column}"
                self.document.problems.append(Problem(place, here, message))
                continue
            self.document.keys[here] = place
            values[key] = self.read(value_node, here)
        return values

    def _key(self, node: Node, path: Path, place: Place) -> str | None:
        if not isinstance(node, ScalarNode):
            message = "a key should be text, not a list or a mapping"
        elif node.tag == f"{_TAG}merge":
            message = "merge keys (<<) are not supported; write the keys out"
        elif node.tag not in (f"{_TAG}str", f"{_TAG}timestamp"):
            message = f"a key should be text, not {node.value or 'nothing'}"
        else:
            return node.value
        self.document.problems.append(Problem(place, path, message))
        return None

    def _scalar(self, node: Node, path: Path) -> Any:
        # YAML 1.2 has no dates; ruamel.yaml would turn the name 2026-11-24 into one.
        if node.tag == f"{_TAG}timestamp":
            return node.value
        if not isinstance(node, ScalarNode) or node.tag.removeprefix(_TAG) not in _SCALARS:
            shown = node.tag.replace(_TAG, "!!")
            self.document.problems.append(Problem(self.document.values[path], path, f"{shown} is not supported here"))
            return UNREAD
        try:
            return self.yaml.constructor.construct_object(node)
        except ValueError:  # a tag that does not fit, or thousands of digits
            shown = f"{node.value[:20]}{'...' if len(node.value) > 20 else ''}"
            message = f"{shown} cannot be read as {node.tag.replace(_TAG, '!!')}"
            self.document.problems.append(Problem(self.document.values[path], path, message))
            return UNREAD


def dotted(path: Path) -> str:
    """A path as messages give it: ``compare.questions[0].a.lr``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{_printable(part)}"
    return text.removeprefix(".")


def write_yaml(values: dict[str, Any]) -> str:
    """A mapping as YAML 1.2: its sections as blocks, what is inside them on one line each."""
    yaml = YAML()
    yaml.indent(sequence=4, offset=2)
    yaml.Representer = _Representer
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(_laid_out(values, 0), stream)
    return stream.getvalue()


class _Representer(RoundTripRepresenter):
    """Writes nothing as null: an empty value reads like one that was forgotten."""


_Representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(f"{_TAG}null", "null"))


def _laid_out(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        out: CommentedMap | CommentedSeq = CommentedMap(
            (key, _laid_out(each, depth + 1)) for key, each in value.items()
        )
    elif isinstance(value, list | tuple):
        out = CommentedSeq(_laid_out(each, depth + 1) for each in value)
    else:
        return value
    # A list of mappings, such as the configurations one by one, has a line for each of them.
    if depth > 1 or (isinstance(out, CommentedSeq) and not all(isinstance(each, CommentedMap) for each in out)):
        out.fa.set_flow_style()
    return out


def _at(mark: Any, place: Callable[[int, int], Place]) -> Place:
    return place(mark.line + 1, mark.column + 1)


def _syntax_problem(error: YAMLError, text: str, place: Callable[[int, int], Place], path: Path) -> Problem:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        hint = " (indent with spaces, not tabs)" if "'\\t'" in message else ""
        where = place(1, 1) if mark is None else _at(mark, place)
        return Problem(where, path, f"is not valid YAML: {message}{hint}")
    if isinstance(error, ReaderError):
        before = text[: error.position]
        where = place(before.count("\n") + 1, error.position - before.rfind("\n"))
        return Problem(where, path, f"the character {_character(error.character)!r} is not allowed")
    return Problem(place(1, 1), path, f"is not valid YAML: {error}")


def _character(given: str | int) -> str:
    return chr(given) if isinstance(given, int) else given


def _printable(key: str) -> str:
    return key if key.isprintable() else repr(key)
