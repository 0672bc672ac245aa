"""Is a search worth it? Confirmed accuracy against model-epochs spent, for random search, TPE and ASHA.

    python -m benchmarks.search [--searches 10] [--lr choice|loguniform] [--results FILE.jsonl]

Searches are replayed from ``benchmarks/data/search_table.parquet`` (see ``benchmarks.search_table``): each looks up the
validation accuracy of one or two of a configuration's four seeds. Its winner at any moment is confirmed by the test
accuracy after the last epoch of two others. Training these is not counted: it costs every way to search the same.
Which seeds a search sees goes by its number. One core, half a minute a search of all ways; with ``--results`` searches
are kept as they end, and the next call goes on.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.kept import Kept, OtherSettingsError
from benchmarks.processes import say_what_runs
from benchmarks.search_replay import EXPLORED, LrForm, Method
from benchmarks.search_table import SEEDS, Table, read_table
from benchmarks.tables import markdown

METHODS = (
    Method("random", "random"),
    Method("TPE", "tpe"),
    Method("random + ASHA", "random", 3),
    Method("TPE + ASHA", "tpe", 3),
    Method("one seed: random", "random", seeds=1),
    Method("one seed: random + ASHA", "random", 3, seeds=1),
    Method("one seed: TPE + ASHA", "tpe", 3, seeds=1),
    Method("Ray Tune alone, TPE + ASHA", "tpe", 3, plain=True),
    Method("the same, reduction factor 2", "tpe", 2, plain=True),
)
# What each is compared with: random search with as many seeds a configuration.
REFERENCES = {
    method.name: METHODS[0 if method.seeds == EXPLORED and not method.plain else 4].name for method in METHODS
}
# Of the table's seeds; a search sees the first ones.
ORDERS = tuple((*seen, *sorted(set(SEEDS) - set(seen))) for seen in itertools.permutations(SEEDS, EXPLORED))
BUDGETS = (50, 100, 200, 400)  # model-epochs
LIMIT = 800  # where a search ends
WITHIN = (1.0, 2.0)  # points below the best confirmed accuracy of the table
FAILED = 5.0  # points below it: a winner that fresh seeds do not bear out
RESAMPLES = 2000
CHANCE = 10.0  # percent; what a search has that has no winner yet
Course = list[tuple[int, float]]


@dataclass(frozen=True)
class Search:
    """A search that has ended.

    Attributes:
        method: the name of the way to search.
        number: of the search, from 0.
        best: the confirmed accuracy of the best configuration that it could have found, in percent.
        course: after each configuration the model-epochs spent, and the confirmed accuracy of the winner by then.
    """

    method: str
    number: int
    best: float
    course: Course


def confirmed(table: Table) -> np.ndarray:
    """The accuracy of each configuration on the test images after its last epoch, mean over the later seeds."""
    return table.test[:, EXPLORED:, -1].mean(axis=1)


def search_of(method: Method, table: Table, form: LrForm, number: int, limit: int = LIMIT) -> Search:
    """The search of this number, which the sampler's seed and the order of the table's seeds go by.

    It ends at the limit or where all that is asked of it has been seen.
    """
    table = table.reordered(ORDERS[number % len(ORDERS)])
    values = confirmed(table)
    best = float(values.max())
    course: Course = []
    for step in method.steps(table, form, limit, number):
        course.append((step.spent, CHANCE if step.winner is None else float(values[table.place_of(step.winner)])))
        if step.spent >= max(BUDGETS) and spent_until(course, best - min(WITHIN)) < math.inf:
            break
    return Search(method.name, number, best, course)


def spent_until(course: Course, target: float) -> float:
    """The model-epochs after which the winner first reached an accuracy; infinite where none did."""
    return next((spent for spent, accuracy in course if accuracy >= target), math.inf)


def accuracy_at(course: Course, budget: int) -> float:
    """The confirmed accuracy of the winner when so many model-epochs had been spent."""
    return next((accuracy for spent, accuracy in reversed(course) if spent <= budget), CHANCE)


def summary(found: dict[str, list[Search]], references: dict[str, str]) -> str:
    """A line for each way to search.

    Args:
        found: by name, of every search.
        references: by name, the name of what it is compared with.
    """
    lines = []
    for name, searches in found.items():
        reference, cells = references[name], [name]
        for points in WITHIN:
            theirs, ours = (_until(each, points) for each in (found[reference], searches))
            median = _median(ours)
            cells.append(f"{median:.0f}" if median < LIMIT else f"> {LIMIT}")
            cells += [f"{(ours < LIMIT).sum()}/{len(ours)}", _ratio(theirs, ours) if name != reference else ""]
        cells += [f"{np.median([accuracy_at(each.course, budget) for each in searches]):.2f}" for budget in BUDGETS]
        last = [accuracy_at(each.course, max(BUDGETS)) for each in searches]
        failed = sum(each.best - accuracy > FAILED for each, accuracy in zip(searches, last, strict=True))
        lines.append([*cells, f"{failed}/{len(searches)}"])
    headings = [
        "way to search",
        *itertools.chain.from_iterable(
            (f"until within {points:g} point{'s' * (points != 1)}", "searches", "times fewer") for points in WITHIN
        ),
        *(f"% at {budget}" for budget in BUDGETS),
        f"failed at {max(BUDGETS)}",
    ]
    return markdown(headings, lines)


def _until(searches: Sequence[Search], points: float) -> np.ndarray:
    """By search, the model-epochs until so many points below the best; the limit where it did not come there."""
    return np.minimum([spent_until(each.course, each.best - points) for each in searches], LIMIT)


def _median(values: np.ndarray) -> np.ndarray:
    """Over the last axis, the upper one of two: so it is the limit where half of the searches came to it."""
    return np.sort(values, axis=-1)[..., values.shape[-1] // 2]


def _ratio(reference: np.ndarray, ours: np.ndarray) -> str:
    """Of the medians, with a 95 % interval by the percentile bootstrap over the numbers of the searches.

    Nothing where our median is the limit. Where only the reference's is, the ratio is at least what is said.
    """
    if _median(ours) >= LIMIT:
        return ""
    rng = np.random.default_rng(0)
    again = rng.integers(len(ours), size=(RESAMPLES, len(ours)))  # both had the same seeds, so they are drawn together
    low, high = np.quantile(_median(reference[again]) / _median(ours[again]), (0.025, 0.975))
    return f"{_median(reference) / _median(ours):.1f} ({low:.1f}-{high:.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=10, help="of each way, from the first on (default: 10)")
    parser.add_argument(
        "--lr", choices=("choice", "loguniform"), default="choice", help="how the space gives it (default: choice)"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE.jsonl", help="keep every search there, and go on with those there"
    )
    options = parser.parse_args()
    try:
        kept = Kept(options.results, {"lr": options.lr, "limit": LIMIT})
    except OtherSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    table = read_table()
    done = {(line["method"], line["number"]): Search(**line) for line in kept.lines}
    for number, method in itertools.product(range(options.searches), METHODS):
        if (method.name, number) not in done:
            say_what_runs(f"{method.name}, search {number + 1} of {options.searches}")
            done[method.name, number] = found = search_of(method, table, options.lr, number)
            kept.add(asdict(found))
    say_what_runs("")
    print(heading(table), end="\n\n")
    numbers = range(options.searches)
    print(summary({method.name: [done[method.name, k] for k in numbers] for method in METHODS}, REFERENCES))
    return 0


def heading(table: Table) -> str:
    """What the searches can find: the best there is, how rare it is, and what training everything would choose."""
    best, near, chosen = [], [], []
    for order in ORDERS:
        ordered = table.reordered(order)
        values = confirmed(ordered)
        best.append(float(values.max()))
        near.append([int((values >= best[-1] - points).sum()) for points in WITHIN])
        chosen.append(float(values[ordered.validation[:, :EXPLORED, -1].mean(axis=1).argmax()]))
    count = len(table.configurations)
    places = ", ".join(
        f"{few:.0f} within {points:g}" for few, points in zip(np.mean(near, axis=0), WITHIN, strict=True)
    )
    return (
        f"{count} configurations, the best at {np.mean(best):.2f} % confirmed ({places} points). Training all of "
        f"them, {count * EXPLORED * table.epochs:,}\nmodel-epochs, and taking the best by validation gives "
        f"{np.mean(chosen):.2f} %. These are means over the choices of\nseeds. Below, model-epochs are medians over "
        "the searches, and accuracies too."
    )


if __name__ == "__main__":
    sys.exit(main())
