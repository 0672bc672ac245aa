"""The tables that the benchmarks print, in Markdown, so that they can be quoted as they are."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.processes import Measurement
from benchmarks.stopwatch import PARTS

HEADINGS = (
    *("case", "model-epochs/s", "s a model-epoch", "x the notebook's loop", "memory MiB", "GPU MiB"),
    *PARTS,
    "host us/step",
    "computed by",
)


@dataclasses.dataclass
class Row:
    """A case and all that was measured of it.

    Attributes:
        name: of the case.
        rates: model-epochs per second, one a repetition; None where the case failed in it.
        parts_pass: the pass of its own for the parts of an epoch and memory, which is not timed.
        problem: why the case was left out, or failed.
    """

    name: str
    rates: list[float | None] = dataclasses.field(default_factory=list)
    parts_pass: Measurement | None = None
    problem: str | None = None

    def ratios(self, reference: "Row | None") -> list[float]:
        """To the reference's rate in the same repetition, so that the drift of a shared machine hits both."""
        pairs = zip(self.rates, reference.rates if reference else [], strict=False)
        return [ours / theirs for ours, theirs in pairs if ours and theirs]

    def shares(self) -> dict[str, float] | None:
        """The parts of an epoch, each as a share of their sum."""
        if self.parts_pass is None or self.parts_pass.parts is None:
            return None
        total = sum(self.parts_pass.parts.values())
        return {part: seconds / total for part, seconds in self.parts_pass.parts.items()}

    def to_json(self, reference: "Row | None") -> dict[str, Any]:
        """The row as plain values, with every repetition."""
        rates = [rate for rate in self.rates if rate]
        return {
            "case": self.name,
            "model_epochs_per_second": spread(rates),
            "seconds_per_model_epoch": spread([1 / rate for rate in rates]),
            "ratio_to_notebook": spread(self.ratios(reference)),
            "shares": self.shares(),
            "rates": self.rates,
            "parts_pass": dataclasses.asdict(self.parts_pass) if self.parts_pass else None,
            "problem": self.problem,
        }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median and extremes; None of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def throughput_table(rows: Sequence[Row], reference: Row | None) -> str:
    """One line a case: medians, and the extremes of the repetitions in brackets."""
    lines = [_cells(row, reference) for row in rows]
    # A column that says nothing here, as GPU memory without a GPU, is left out.
    said = [k for k in range(len(HEADINGS)) if k < 4 or any(line[k] != "" for line in lines)]
    return markdown([HEADINGS[k] for k in said], [[line[k] for k in said] for line in lines])


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """An aligned table; the first column to the left, numbers to the right."""
    # Three characters at least, which a rule needs.
    widths = [max(3, *map(len, column)) for column in zip(headings, *lines, strict=True)]

    def joined(cells: Sequence[str]) -> str:
        first, *others = (
            f"{c:<{w}}" if k == 0 else f"{c:>{w}}" for k, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *others]) + " |"

    rule = "| " + " | ".join("-" * w if k == 0 else "-" * (w - 1) + ":" for k, w in enumerate(widths)) + " |"
    return "\n".join([joined(headings), rule, *(joined(line) for line in lines)])


def with_extremes(values: Sequence[float], digits: int) -> str:
    """``median (min-max)``; of a single value, that."""
    found = spread(values)
    if found is None:
        return ""
    median, low, high = (f"{found[key]:.{digits}f}" for key in ("median", "min", "max"))
    return median if len(values) == 1 else f"{median} ({low}-{high})"


def _cells(row: Row, reference: Row | None) -> list[str]:
    rates = [rate for rate in row.rates if rate]
    if not rates:
        return [row.name, f"not measured: {row.problem}", *[""] * (len(HEADINGS) - 2)]
    extra, shares = row.parts_pass, row.shares()
    on_gpu = extra is not None and extra.gpu_mib is not None
    return [
        row.name,
        with_extremes(rates, 3),
        with_extremes([1 / rate for rate in rates], 2),
        with_extremes(row.ratios(reference), 2),
        _number(extra and extra.memory_mib),
        _number(extra and extra.gpu_mib),
        *(f"{shares[part]:.0%}" if shares else "" for part in PARTS),
        _number(extra.host_us_per_step if extra and on_gpu else None),
        extra.computation if extra else "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
