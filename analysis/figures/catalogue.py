"""Every figure of the report, the answers first: name, what it shows, and how it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from analysis.figures import (
    convergence,
    epochs_to_accuracy,
    final_accuracy,
    forest,
    generalisation_gap,
    head_to_head,
    interaction,
    seed_spread,
    timeline,
)
from analysis.figures.search import history, importance, lineage, parallel, rungs, slices, spent
from analysis.findings import Findings


@dataclass(frozen=True)
class Entry:
    """A figure: its file name, its heading in the report, its two halves, and its table's file."""

    name: str
    heading: str
    info: Callable[[Findings], Any]
    draw: Callable[[Any], Figure]
    numbers: str


def _entry(name: str, heading: str, module: Any, numbers: str | None = None, **options: Any) -> Entry:
    table = f"figure_{numbers or name}"
    return Entry(name, heading, partial(module.info, **options), module.draw, table)


CATALOGUE = (
    _entry("forest", "Differences and verdicts", forest),
    _entry("final_accuracy", "Final accuracy", final_accuracy),
    _entry("convergence", "Convergence by epoch", convergence),
    _entry("head_to_head", "Head to head", head_to_head),
    _entry("interaction", "Interaction", interaction),
    _entry("epochs_to_accuracy", "Epochs to an accuracy", epochs_to_accuracy),
    _entry("convergence_steps", "Convergence by SGD steps", convergence, numbers="convergence", amount="iterations"),
    _entry("convergence_seconds", "Convergence by training time", convergence, numbers="convergence", amount="seconds"),
    _entry("generalisation_gap", "Generalisation gap", generalisation_gap),
    _entry("seed_spread", "Spread between seeds", seed_spread),
    _entry("search_history", "Search history", history),
    _entry("search_slices", "Search: slices", slices),
    _entry("search_importance", "Search: importance of the axes", importance),
    _entry("search_rungs", "Search: early stopping", rungs),
    _entry("search_parallel", "Search: parallel coordinates", parallel),
    _entry("search_spent", "Search: what it spent", spent),
    _entry("search_lineage", "Search: lineage of the population", lineage),
    _entry("timeline", "Who trained where and when", timeline),
)
# What earlier versions drew; a new report removes their files.
FORMER = ("survival", "learning_rate", "budget")
