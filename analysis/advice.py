"""The command that adds the seeds an undecided comparison lacks."""

import shlex
from typing import Any

import pandas as pd

from analysis.results import Results
from analysis.statistics.comparison import MOST_SEEDS

_DROPPED = ("--resume", "--extend")


def seeds_wanted(comparisons: pd.DataFrame) -> int | None:
    """The number of seeds at which every undecided comparison would be decided that a realistic number can decide.

    None where there is no such comparison.
    """
    if comparisons.empty:
        return None
    needed = pd.to_numeric(comparisons["seeds_needed"])
    realistic = needed[needed <= MOST_SEEDS]
    return None if realistic.empty else int(realistic.max())


def command_for(results: Results, seeds: int) -> str | None:
    """The last session's command with that many seeds of every configuration in all.

    None where no session's command is known, or it cannot be taken apart.
    """
    command = results.sessions[-1].get("command") if results.sessions else None
    if not isinstance(command, str):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    wanted = _setting(results.study.get("seeds"), seeds)
    if not words or wanted is None:
        return None
    return shlex.join([*_without_seeds(words), "--extend", "--set", wanted])


def _setting(asked: Any, seeds: int) -> str | None:
    """What --set is given: a count for a count, the list with further seeds for a list, None for anything else."""
    if isinstance(asked, dict) and "most" in asked:
        return f"seeds.most={seeds}"
    if isinstance(asked, int) and not isinstance(asked, bool):
        return f"seeds={seeds}"
    if not isinstance(asked, list):
        return None
    fresh = (seed for seed in range(seeds + len(asked)) if seed not in asked)
    more = [next(fresh) for _ in range(max(0, seeds - len(asked)))]
    return f"seeds=[{', '.join(map(str, [*asked, *more]))}]"


def _without_seeds(words: list[str]) -> list[str]:
    """The words of a command without what says how a session goes on, and without an earlier number of seeds."""
    kept: list[str] = []
    skip = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if skip:
            skip = False
        elif word == "--set" and _of_seeds(following):
            skip = True
        elif word not in _DROPPED and not (word.startswith("--set=") and _of_seeds(word.removeprefix("--set="))):
            kept.append(word)
    return kept


def _of_seeds(setting: str) -> bool:
    return setting.partition("=")[0].strip().partition(".")[0] == "seeds"
