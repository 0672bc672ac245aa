"""Space files with random faults: ``python -m tests.faults.odd_space_files COUNT`` tries so many."""

import random
import sys
from pathlib import Path

from study.space import SpaceError, load_study
from study.space.study import Study
from tests.faults.damage import damaged
from tests.study.commands import ROOT

WORDS = (
    *("null", "true", "-1", "0", "1e400", "1e-400", ".nan", ".inf", "99999999999999999999", "'1'", '""', "[]", "{}"),
    *("{grid: []}", "{grid: [1, 1]}", "{grid: 3}", "{uniform: [1, 0]}", "{loguniform: [0, 1]}", "{randint: [1, 1]}"),
    *("[[[[]]]]", "&a [*a]", "*a", "!!python/object/apply:os.system [ls]", "<<: {}", "2026-11-27", "\t", "\x00", "é"),
)


def odd(text: str, rng: random.Random) -> bytes:
    """A space file with one to three faults: values exchanged, lines lost, moved or repeated, bytes damaged."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        lines = text.split("\n")
        place = rng.randrange(len(lines))
        fault = rng.choice(("value", "value", "lose", "repeat", "indent", "swap"))
        if fault == "value":
            key, colon, _ = lines[place].partition(":")
            lines[place] = f"{key}{colon or ':'} {rng.choice(WORDS)}"
        elif fault == "lose":
            del lines[place]
        elif fault == "repeat":
            lines.insert(place, lines[place])
        elif fault == "indent":
            lines[place] = f"  {lines[place]}"
        else:
            other = rng.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        text = "\n".join(lines) or " "
    return damaged(text.encode(), rng) if rng.random() < 0.3 else text.encode()


def try_some(count: int, seed: int, folder: Path) -> int:
    """Load so many odd files; how many are space files all the same.

    Raises:
        AssertionError: one ends otherwise than with a study or with messages that name the file.
    """
    rng, well = random.Random(seed), 0
    texts = [file.read_text() for file in sorted((ROOT / "search_spaces").glob("*.yaml"))]
    file = folder / "odd.yaml"
    for number in range(count):
        content = odd(rng.choice(texts), rng)
        file.write_bytes(content)
        try:
            well += isinstance(load_study(file), Study)
        except SpaceError as error:
            if not all(line.startswith(str(file)) for line in str(error).splitlines()):
                raise AssertionError((seed, number, content)) from error
        except Exception as error:
            raise AssertionError((seed, number, content)) from error
    return well


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        print(try_some(int(sys.argv[1]), int(sys.argv[2]), Path(scratch)))
