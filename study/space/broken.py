"""What a rule between the parts of a study says when it is not kept."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.space.study import Study

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Broken:
    """A rule that a study does not keep.

    Attributes:
        path: the key to change.
        message: what is wrong.
        needs: the keys that the rule looked at; where one of them is wrong in itself, the rule says nothing.
        other: another key that the message ends with, so that its place can be added.
    """

    path: Path
    message: str
    needs: tuple[Path, ...]
    other: Path = ()


def key_of(study: "Study", axis: str) -> str:
    """Where the file gives the axis its values."""
    return f"{axis} in configurations" if any(axis in entry for entry in study.configurations) else f"space.{axis}"
