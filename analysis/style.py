"""How figures look: one theme, a colour-blind palette with markers beside it, byte-stable files."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.axes import numeric

FORMATS = ("svg", "png", "pdf")
Style = Literal["report", "paper"]
COLUMNS = (3.4, 7.0)  # inches, of one column of a paper and of two
REPORT_DPI, PAPER_DPI = 160.0, 300.0
MARKERS = "os^DvPX*"
BAD = "#b2182b"
GREY = "0.45"
ZONE = "#fae9b8"  # neither the grey of a band nor a colour of a level
# No date and no program version: the same results give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}
_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "residual-study",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "figure.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.6,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Look:
    """Colour and marker of one level of an axis."""

    color: Any
    marker: str


@contextmanager
def theme(style: Style = "report") -> Iterator[None]:
    """Use the project's look within the block; matplotlib's global settings come back after it.

    style: "paper" leaves out titles and source lines, which a paper says in its captions, and makes figures one or two
    columns wide, at 300 dpi.
    """
    settings: Any = {**sns.axes_style("whitegrid"), **_SETTINGS, "grid.color": "0.9"}
    if style == "paper":
        settings |= {name: 7 for name, value in _SETTINGS.items() if name.endswith("size") and isinstance(value, int)}
        settings |= {"savefig.dpi": PAPER_DPI, "lines.linewidth": 1.2}
    with mpl.rc_context(settings):
        yield


def for_paper() -> bool:
    """Whether the figures of this block are for a paper."""
    return mpl.rcParams["savefig.dpi"] == PAPER_DPI


def looks(axis: str | None, levels: Sequence[Any], ordered: bool = False) -> dict[Any, Look]:
    """Give every level a colour that colour-blind readers can tell apart, and a marker.

    More than four levels of a numeric axis get an ordered palette, and all where that is asked for.
    """
    if ordered or (axis is not None and numeric(axis) and len(levels) > 4):
        colors: Any = sns.color_palette("viridis", len(levels))
    else:
        colors = [c for i, c in enumerate(sns.color_palette("colorblind")) if i not in (5, 6, 8)] + [(0.15,) * 3]
    return {level: Look(colors[i % len(colors)], MARKERS[i % len(MARKERS)]) for i, level in enumerate(levels)}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure (inches) that needs no global state and lays itself out."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.06)  # type: ignore[union-attr]
    FigureCanvasAgg(figure)
    return figure


def grid(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure of panels, each `width` x `height` inches, and its axes (rows, columns)."""
    figure = new_figure(width * columns + 0.4, height * rows + 0.6)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def finish(figure: Figure, title: str, source: str, handles: Sequence[Any] = ()) -> Figure:
    """Add the title, the source line below and, beside the panels, the legend; for a paper the legend alone."""
    column = COLUMNS[-1]
    if for_paper():
        width, height = figure.get_size_inches()
        column = min(COLUMNS, key=lambda inches: abs(inches - width))
        figure.set_size_inches(column, height * min(1.0, max(0.6, column / width)))
    else:
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
        lines = textwrap.fill(source, int(18 * figure.get_figwidth()))
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=7, color=GREY)
    if handles and for_paper():
        figure.legend(handles=list(handles), loc="outside lower center", ncols=4 if column > COLUMNS[0] else 2)
    elif handles:  # in room of its own, so that the panels keep theirs
        legend = figure.legend(handles=list(handles), loc="outside right center", alignment="left")
        figure.set_figwidth(figure.get_figwidth() + legend.get_window_extent().width / figure.dpi)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every file format
    return figure


def line_handle(label: str, **options: Any) -> Line2D:
    """Return a legend entry for a line that is not tied to a level."""
    return Line2D([], [], label=label, **{"color": "0.2", **options})


def band_handle(label: str = "95 % t-interval") -> Patch:
    """Return the legend entry for a band."""
    return Patch(color="0.2", alpha=0.2, lw=0, label=label)


def whole_epochs(ax: Axes) -> None:
    """Put the ticks of an axis of epochs at whole numbers."""
    ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))


def zero_line(ax: Axes, across: bool = True) -> None:
    """Draw the line of no difference, level or (across=False) upright."""
    (ax.axhline if across else ax.axvline)(0, color="0.3", lw=0.8, zorder=1)


def keep_within(ax: Axes, low: float = 0.0, high: float = 100.0, across: bool = True) -> None:
    """Let the axis of the values end at what a percentage can be, a little beyond for the markers."""
    margin = 0.02 * (high - low)
    start, end = ax.get_ylim() if across else ax.get_xlim()
    limits = max(start, low - margin), min(end, high + margin)
    (ax.set_ylim if across else ax.set_xlim)(*limits)


def zone(ax: Axes, meaningful: float, across: bool = True) -> None:
    """Shade the differences that do not matter, ±meaningful percentage points."""
    (ax.axhspan if across else ax.axvspan)(-meaningful, meaningful, color=ZONE, lw=0, zorder=0)


def zone_handle(meaningful: float) -> Patch:
    """Return the legend entry of `zone`."""
    return Patch(color=ZONE, lw=0, label=f"±{meaningful:g}: does not matter")


def jitter(groups: pd.Series, seeds: pd.Series, width: float = 0.16) -> np.ndarray:
    """Return sideways offsets in [-width, width], the same place for the same seed everywhere."""
    order = seeds.rank(method="dense").to_numpy() - 1
    count = max(float(order.max()), 1.0) if len(order) else 1.0
    return (order / count * 2 - 1) * width if seeds.nunique() > 1 else np.zeros(len(groups))


def render(figure: Figure, kind: str, dpi: float | None = None) -> bytes:
    """Return the figure as the bytes of an svg, png or pdf file; dpi: by default that of the style."""
    buffer = io.BytesIO()
    dpi = dpi or (PAPER_DPI if for_paper() else REPORT_DPI)
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return buffer.getvalue()
