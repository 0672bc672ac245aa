"""Every figure of the report, in its order: name, what it shows, and how it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from analysis.figures import convergence, final_accuracy
from analysis.findings import Findings


@dataclass(frozen=True)
class Entry:
    """A figure: its file name, its heading in the report, and its two halves."""

    name: str
    heading: str
    info: Callable[[Findings], Any]
    draw: Callable[[Any], Figure]


CATALOGUE = (
    Entry("convergence", "Convergence by epoch", convergence.info, convergence.draw),
    Entry(
        "convergence_steps",
        "Convergence by SGD steps",
        partial(convergence.info, amount="iterations"),
        convergence.draw,
    ),
    Entry(
        "convergence_seconds",
        "Convergence by training time",
        partial(convergence.info, amount="seconds"),
        convergence.draw,
    ),
    Entry("final_accuracy", "Final accuracy", final_accuracy.info, final_accuracy.draw),
)
