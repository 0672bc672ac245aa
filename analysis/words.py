"""Numbers and verdicts in words: the same in the report, in Markdown and in the terminal."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from analysis.statistics.needed import divergence_bound

REALISTIC_SEEDS = 200  # more are not named
BEYOND = "*"
BEYOND_NOTE = (
    f"{BEYOND} reaches beyond what is possible, 0 to 100 % or a difference of ±100 points: "
    "the runs are too few or too far apart for this interval."
)


def points(value: float) -> str:
    """Return a size in percentage points: '1 point', '2.5 points'."""
    return f"{value:g} point{'' if value == 1 else 's'}"


def mean_sd(mean: float, sd: float) -> str:
    """Return 'mean ± sd', '–' for no value, and the mean alone where one run gives no sd."""
    if math.isnan(mean):
        return "–"
    said = f"{_rounded(mean):.2f}".replace("-", "−")
    return said if math.isnan(sd) else f"{said} ± {sd:.2f}"


def interval(low: float, high: float, signed: bool = True) -> str:
    """Return '[low, high]' of percent (signed: of a difference of percents), '–' for none.

    BEYOND stands behind an interval that holds values no percentage can have.
    """
    if math.isnan(low):
        return "–"
    mark = BEYOND if low < (-100 if signed else 0) or high > 100 else ""
    if signed:
        return f"[{change(low)}, {change(high)}]{mark}"
    return f"[{low:.2f}, {high:.2f}]{mark}".replace("-", "−")


def with_note(reading: str, texts: Iterable[str]) -> str:
    """Return a reading, with what the mark means where one of the texts carries it."""
    marked = any(f"]{BEYOND}" in text for text in texts)
    return f"{reading} {BEYOND_NOTE}".strip() if marked else reading


def change(value: float) -> str:
    """Return a signed number with a minus sign proper: '+1.20', '−0.30'."""
    return f"{_rounded(value):+.2f}".replace("-", "−")


def _rounded(value: float) -> float:
    """To two digits, without a negative zero."""
    return round(value, 2) + 0.0


def p_value(p: float) -> str:
    """Return a p-value to two digits, '< 0.0001' below that, '–' for none."""
    if math.isnan(p):
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.995 else "1.0"


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would use: '40 seconds', '12 minutes', '3.5 hours', '2 days'."""
    for size, unit in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")):
        if seconds >= (2 * size if unit == "day" else size):
            number = seconds / size
            said = f"{number:.1f}".removesuffix(".0") if number < 5 and size > 60 else f"{number:.0f}"
            return f"{said} {unit}{'' if said == '1' else 's'}"
    return "a second"


def listed(names: Iterable[str], most: int = 6, word: str = "and") -> str:
    """Return names as a list in a sentence, the first of them where there are many."""
    names = list(names)
    if len(names) > most:
        return f"{'; '.join(names[:most])} {word} {len(names) - most} more"
    return f" {word} ".join(["; ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def range_of_seeds(low: float, high: float) -> str:
    """Return how many more seeds: '3 to 58 more seeds', '12 more seeds', '90 to more than 200 more seeds'."""
    number = span_of_seeds(low, high)
    return f"{number} more seed{'' if number == '1' else 's'}"


def span_of_seeds(low: float, high: float) -> str:
    """Return a range of seeds: '3 to 58', '12', '90 to more than 200'."""
    first, last = f"{low:.0f}", f"{high:.0f}"
    if high > REALISTIC_SEEDS:
        last = f"more than {REALISTIC_SEEDS}"
    return first if first == last else f"{first} to {last}"


def does_not_train(runs: int) -> str:
    """Return the verdict on a condition whose runs all diverged."""
    return f"does not train: {runs} of {runs} diverged"


def ahead(row: Mapping[Any, Any]) -> bool:
    """Say whether the interval of an undecided comparison leaves out 0: one side is better, but not surely by d."""
    low, high = row["joint_interval"]
    return bool(low > 0 or high < 0)


def verdict(row: Mapping[Any, Any], meaningful: float, most: int | None = None, given_up: bool = False) -> str:
    """Return the verdict on a comparison in words, against the meaningful difference; of a against b.

    most: the seeds of a configuration that the study adds by itself, where it does. given_up: whether it stopped adding
    them here, because `most` would hardly decide the comparison.
    """
    d = points(meaningful)
    kind = row["verdict"]
    if kind == "no data":
        return "no data yet"
    if kind == "does not train":
        if row["diverged_a"] == row["n_a"]:
            return does_not_train(row["n_a"])
        return f"nothing to compare with, as that {does_not_train(row['n_b'])}"
    if kind == "larger":
        return f"{'better' if row['difference'] > 0 else 'worse'} by more than {d}"
    if kind == "smaller":
        return f"less than {d} apart"
    if kind == "not judged":
        return "not judged"
    return _undecided(row, d, most, given_up)


def _undecided(row: Mapping[Any, Any], margin: str, most: int | None, given_up: bool) -> str:
    """What is known of an undecided comparison: which side is ahead, why it has no more seeds, how many would do."""
    said = f"undecided whether by more than {margin}" if ahead(row) else "undecided"
    low, high = row["more_low"], row["more_high"]
    if math.isnan(low):
        return f"{said} ({row['note']})" if row["note"] else said
    seeds = min(row["n_a"], row["n_b"])
    room = math.inf if most is None else most - seeds
    if given_up:
        said += f", given up after {seeds} seeds because {most} would hardly decide it"
    elif room <= 0:
        said += f" after all {seeds} planned seeds"
    if low > REALISTIC_SEEDS:
        return f"{said}, no realistic number of seeds would decide"
    said += f", about {range_of_seeds(low, high)} would decide"
    if given_up or room <= 0 or high <= room:
        return said
    return f"{said}, {'perhaps ' if low <= room else ''}above this study's most of {most}"


def kind(row: Mapping[Any, Any]) -> str:
    """Return what a verdict is, with its direction: better, worse, smaller, fails, undecided, no data, not judged."""
    if row["verdict"] == "larger":
        return "better" if row["difference"] > 0 else "worse"
    return "fails" if row["verdict"] == "does not train" else str(row["verdict"])


def unseen_divergence(runs: int, every: int) -> str:
    """Return what runs of a configuration that all trained leave possible (Clopper & Pearson 1934), in words."""
    share = 100 * float(divergence_bound(np.array(0), np.array(runs)))
    return f"0 of {every} runs diverged, but {runs} runs of one configuration cannot exclude a share of {share:.0f} %"
