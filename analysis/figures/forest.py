"""Forest plot: every difference with its intervals against the zone that does not matter."""

import math
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style, words
from analysis.figures.common import NoDataError, beyond
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.tables import comparison_rows

MOST_ROWS = 40
MOST_EXPLORATORY = 12
# Colour and marker of a verdict.
VERDICTS = {
    "better": ("#0173b2", "o"),
    "worse": (style.BAD, "o"),
    "smaller": ("#029e73", "s"),
    "fails": (style.BAD, "X"),
    "undecided": ("0.5", "D"),
    "not judged": ("0.6", "."),
}

LONGEST_LINE = 56  # characters of a pair's name that stand beside the axis


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per comparison in the figure's order, as `tables.comparison_rows`, with
    `said` (the verdict in words) and `kind` (as `words.kind`).
    """

    table: pd.DataFrame
    meaningful: float
    measure: str
    left_out: int
    source: str


def info(findings: Findings) -> Info:
    """Return the comparisons that have a difference, the declared first.

    Exploratory ones only where nothing was asked for, the largest differences of them between conditions that train.
    Raises NoDataError without any comparison of finished runs.
    """
    table = findings.comparisons
    if len(table):
        table = table[table["difference"].notna()]
    if table.empty:
        raise NoDataError("no two conditions to compare have finished runs")
    asked = table[table["family"] != "exploratory"]
    train = table[(table["diverged_a"] < table["n_a"]) & (table["diverged_b"] < table["n_b"])]
    largest = train["difference"].abs().sort_values(ascending=False, kind="stable").index
    shown = asked.head(MOST_ROWS) if len(asked) else train.loc[largest[:MOST_EXPLORATORY]]
    if shown.empty:
        raise NoDataError("no two conditions that train are to compare")
    d = findings.question.meaningful
    limits = pd.DataFrame(shown["joint_interval"].tolist(), columns=["low", "high"])
    rows = shown.to_dict("records")
    said, kinds = [_short(words.verdict(row, d)) for row in rows], [words.kind(row) for row in rows]
    return Info(
        table=comparison_rows(findings, shown).assign(said=said, kind=kinds),
        meaningful=d,
        measure=findings.question.measure,
        left_out=len(table) - len(shown),
        source=f"{findings.source}. {_how(shown)}Shaded: ±{d:g}, too small to matter." + beyond([limits], -100.0),
    )


def draw(info: Info) -> Figure:
    """Draw one row a comparison, families apart, the verdict at the right."""
    table = info.table.reset_index(drop=True)
    gaps = (table["family"] != table["family"].shift()).cumsum()
    y = table.index + 1.4 * gaps
    pairs = list(zip(table["a"], table["b"], strict=True))
    long = max(len(f"{a} − {b}") for a, b in pairs) > LONGEST_LINE
    figure = style.new_figure(7.6, 1.3 + (0.36 if long else 0.23) * float(y.max()))
    ax = figure.subplots()
    style.zone(ax, info.meaningful, across=False)
    style.zero_line(ax, across=False)
    for place, (_, row) in zip(y, table.iterrows(), strict=True):
        color, marker = VERDICTS[str(row["kind"])]
        thin = (row["joint_interval_low"], row["joint_interval_high"])
        ax.plot(thin, (place, place), color=color, lw=0.9)
        ax.plot((row["interval_low"], row["interval_high"]), (place, place), color=color, lw=2.6)
        filled = color if row["kind"] != "undecided" else "white"
        edge = "0.2" if row["kind"] == "not judged" else color  # else a dot on a line of its colour
        ax.plot(row["difference"], place, marker, color=edge, mfc=filled, ms=5)
        ax.annotate(
            str(row["said"]),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
        )
    for family, places in y.groupby(table["family"]):
        ax.annotate(
            str(family).capitalize(),
            (-0.01, float(places.min()) - 0.95),
            xycoords=("axes fraction", "data"),
            va="center",
            ha="right",
            fontsize=8,
            fontweight="bold",
        )
    ax.set_yticks(y, [f"{a} −{chr(10) if long else ' '}{b}" for a, b in pairs])
    ax.tick_params(axis="y", labelsize=7)
    ax.set_ylim(float(y.max()) + 0.8, float(y.min()) - 1.6)
    ax.set_xlabel(f"Difference in {info.measure}, percentage points")
    ax.grid(False, axis="y")
    _scale(ax, table, info.meaningful)
    style.keep_within(ax, -100.0, across=False)
    source = info.source
    if info.left_out:
        more = f"{counted(info.left_out, 'more comparison')} {'is' if info.left_out == 1 else 'are'}"
        source += f" {more} in tables/comparisons.csv."
    return style.finish(figure, "Differences between conditions", source)


def _how(table: pd.DataFrame) -> str:
    """What the lines are, as far as there are any."""
    own, judged = (
        any(not math.isnan(low) for low, _ in table[name].tolist()) for name in ("interval", "joint_interval")
    )
    if not own:
        return "One run a condition: no intervals. "
    thin = "; thin: the one that the verdict was read off" if judged else ""
    return f"Thick: 95 % interval ({_methods(table)}){thin}. "


def _methods(table: pd.DataFrame) -> str:
    return " and ".join(sorted(set(table["method"])))


def _scale(ax: Axes, table: pd.DataFrame, meaningful: float) -> None:
    """Squeeze the ends when a broken condition would squash the rest."""
    extent = table[["difference", "joint_interval_low", "joint_interval_high"]].abs().max(axis=1)
    if extent.max() > 12 * max(extent.quantile(0.25), meaningful):
        ax.set_xscale("symlog", linthresh=5 * meaningful, linscale=2)
        ticks = [t * meaningful for t in (0, 2, 5, 50) if t * meaningful <= extent.max()]
        every = sorted({*ticks, *(-t for t in ticks)})
        ax.set_xticks(every, [f"{t:g}".replace("-", "−") for t in every])
        ax.set_title(f"logarithmic beyond ±{5 * meaningful:g}", fontsize=7.5, color=style.GREY)


def _short(said: str) -> str:
    """Cut the verdict down to what fits beside a row."""
    if said == "not judged" or "no realistic number" in said:
        return "undecided" if said != "not judged" else ""
    verdict, *more = said.split(" (")[0].removesuffix(" would decide").split(",")
    return ",".join([verdict.split(" whether")[0], *more])
