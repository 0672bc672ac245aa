"""Files as faults leave them: flipped, missing, repeated and zeroed bytes."""

import os
import random
from pathlib import Path

KINDS = ("flip", "cut", "lose", "repeat", "zero")


def damaged(content: bytes, rng: random.Random, kind: str | None = None) -> bytes:
    """The content with one fault of a kind, a random one by default, at a random place."""
    place = rng.randrange(len(content))
    length = rng.choice((1, 2, 3, 10, 100))
    changed = bytearray(content)
    kind = kind or rng.choice(KINDS)
    if kind == "flip":
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[place:]
    elif kind == "lose":
        del changed[place : place + length]
    elif kind == "repeat":
        changed[place:place] = changed[place : place + length]
    else:
        changed[place : place + length] = bytes(len(changed[place : place + length]))
    return bytes(changed)


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)
