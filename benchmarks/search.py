"""Is a search worth it? Confirmed accuracy against model-epochs spent, for random search, TPE and ASHA.

    python -m benchmarks.search [--searches 10] [--lr choice|loguniform] [--json FILE]

Searches are replayed from ``benchmarks/data/search_table.parquet`` (see ``benchmarks.search_table``): each looks up the
validation accuracy of two seeds a configuration. Its winner at any moment is confirmed by the test accuracy after the
last epoch of the two other seeds. Training these is not counted: it costs every way to search the same. One core, some
minutes.
"""

import argparse
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import say_what_runs
from benchmarks.search_replay import EXPLORED, LrForm, Method
from benchmarks.search_table import Table, read_table
from benchmarks.tables import markdown
from study.results.clock import now
from study.results.machine import describe_machine, git_state, versions

METHODS = (
    Method("random", "random"),
    Method("TPE", "tpe"),
    Method("random + ASHA", "random", 3),
    Method("TPE + ASHA", "tpe", 3),
    Method("TPE + ASHA, one seed", "tpe", 3, seeds=1),
    Method("Ray Tune alone, TPE + ASHA", "tpe", 3, plain=True),
    Method("the same, reduction factor 2", "tpe", 2, plain=True),
)
BUDGETS = (50, 100, 200, 400)  # model-epochs
LIMIT = 800  # where a search ends
WITHIN = (1.0, 2.0)  # points below the best confirmed accuracy of the table
RESAMPLES = 2000
CHANCE = 10.0  # percent; what a search has that has no winner yet
Course = list[tuple[int, float]]


def confirmed(table: Table) -> np.ndarray:
    """The accuracy of each configuration on the test images after its last epoch, mean over the later seeds."""
    return table.test[:, EXPLORED:, -1].mean(axis=1)


def course_of(method: Method, table: Table, form: LrForm, seed: int, limit: int = LIMIT) -> Course:
    """A search: after each configuration the model-epochs spent, and the confirmed accuracy of the winner by then."""
    values = confirmed(table)
    return [
        (step.spent, CHANCE if step.winner is None else float(values[table.place_of(step.winner)]))
        for step in method.steps(table, form, limit, seed)
    ]


def spent_until(course: Course, target: float) -> float:
    """The model-epochs after which the winner first reached an accuracy; infinite where none did."""
    return next((spent for spent, accuracy in course if accuracy >= target), math.inf)


def accuracy_at(course: Course, budget: int) -> float:
    """The confirmed accuracy of the winner when so many model-epochs had been spent."""
    return next((accuracy for spent, accuracy in reversed(course) if spent <= budget), CHANCE)


def summary(courses: dict[str, list[Course]], best: float) -> str:
    """A line for each way to search; the first is what the others are compared with.

    Args:
        courses: by name, of every search.
        best: confirmed accuracy, in percent.
    """
    lines = []
    for name, found in courses.items():
        cells = [name]
        for points in WITHIN:
            of_reference, ours = (_until(each, best - points) for each in (next(iter(courses.values())), found))
            median = _median(ours)
            cells.append(f"{median:.0f}" if median < LIMIT else f"> {LIMIT}")
            cells += [f"{(ours < LIMIT).sum()}/{len(ours)}", _ratio(of_reference, ours) if lines else ""]
        cells += [f"{np.median([accuracy_at(course, budget) for course in found]):.2f}" for budget in BUDGETS]
        lines.append(cells)
    headings = [
        "way to search",
        *itertools.chain.from_iterable(
            (f"until within {points:g} point{'s' * (points != 1)}", "searches", "times fewer") for points in WITHIN
        ),
        *(f"% at {budget}" for budget in BUDGETS),
    ]
    return markdown(headings, lines)


def _until(courses: Sequence[Course], target: float) -> np.ndarray:
    """By search, the model-epochs until an accuracy; the limit where it was not reached by then."""
    return np.minimum([spent_until(course, target) for course in courses], LIMIT)


def _median(values: np.ndarray) -> np.ndarray:
    """Over the last axis, the upper one of two: so it is the limit where half of the searches came to it."""
    return np.sort(values, axis=-1)[..., values.shape[-1] // 2]


def _ratio(reference: np.ndarray, ours: np.ndarray) -> str:
    """Of the medians, with a 95 % interval by the percentile bootstrap over the searches; nothing beyond the limit."""
    if _median(ours) >= LIMIT:
        return ""
    rng = np.random.default_rng(0)
    numerator, denominator = (
        _median(values[rng.integers(len(values), size=(RESAMPLES, len(values)))]) for values in (reference, ours)
    )
    low, high = np.quantile(numerator / denominator, (0.025, 0.975))
    return f"{_median(reference) / _median(ours):.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=10, help="of each way, seeds 0 and on (default: 10)")
    parser.add_argument(
        "--lr", choices=("choice", "loguniform"), default="choice", help="how the space gives it (default: choice)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every search's course there")
    options = parser.parse_args()
    table = read_table()
    values = confirmed(table)
    courses: dict[str, list[Course]] = {}
    for method, seed in itertools.product(METHODS, range(options.searches)):
        say_what_runs(f"{method.name}, search {seed + 1} of {options.searches}")
        courses.setdefault(method.name, []).append(course_of(method, table, options.lr, seed))
    say_what_runs("")
    print(heading(table), end="\n\n")
    print(summary(courses, float(values.max())))
    if options.json is not None:
        options.json.write_text(json.dumps(_about(options.searches, options.lr) | {"courses": courses}) + "\n")


def heading(table: Table) -> str:
    """What the searches can find: the best there is, how rare it is, and what training everything would choose."""
    values = confirmed(table)
    best = float(values.max())
    near = ", ".join(f"{int((values >= best - points).sum())} within {points:g}" for points in WITHIN)
    chosen = float(values[table.validation[:, :EXPLORED, -1].mean(axis=1).argmax()])
    count = len(table.configurations)
    return (
        f"{count} configurations, the best at {best:.2f} % confirmed ({near} points). Training all of them, "
        f"{count * EXPLORED * table.epochs:,} model-epochs,\nand taking the best by validation gives {chosen:.2f} %. "
        "Model-epochs are medians over the searches, and accuracies too."
    )


def _about(searches: int, form: LrForm) -> dict[str, Any]:
    machine = describe_machine()
    del machine["host"]
    settings = {"searches": searches, "lr": form, "limit": LIMIT}
    return {
        "date": now(),
        "machine": machine,
        "versions": versions(),
        "git": git_state(Path(__file__).parent),
        "settings": settings,
    }


if __name__ == "__main__":
    main()
