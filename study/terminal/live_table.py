"""The live table of a session, as rich draws it, and the same in a plain line."""

import time
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.terminal.phrasing import counted, duration, ranges
from study.terminal.standing import Best, Row, Spread, Standing

MOST_ROWS = 12
LINES_BESIDE_ROWS = 7
WIDE = 110
NARROW = 70
WIDEST = 120
LONG_EPOCH = 10.0  # seconds from which a reader wants to see that something happens


@dataclass(frozen=True)
class Screen:
    """What stands in the terminal; drawn again by itself, so that the time goes on between epochs.

    Attributes:
        standing: what to show.
        began: when training began, on ``time.monotonic``'s clock.
        taken: when the standing was.
    """

    standing: Standing
    began: float
    taken: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rows as many as fit, then what is best and what is left."""
        standing, now = self.standing, time.monotonic()
        if standing.rows:
            most = max(1, min(MOST_ROWS, console.height - LINES_BESIDE_ROWS))
            yield _table(standing.rows[:most], options.max_width, now)
            if len(standing.rows) > most:
                yield Text(f"  and {counted(len(standing.rows) - most, 'configuration')} more", style="dim")
        if standing.best:
            yield Text(best_in_words(standing.best), overflow="ellipsis", no_wrap=True)
        yield Text(f"{runs_in_words(standing)}, {duration(now - self.began)} so far", no_wrap=True)
        yield _bar(standing, options.max_width, now, now - self.taken)


def summary(standing: Standing) -> str:
    """All of it but the rows, in a line."""
    said = [f"{_progress(standing)}; {runs_in_words(standing)}"]
    return "; ".join([*said, best_in_words(standing.best)] if standing.best else said)


def runs_in_words(standing: Standing) -> str:
    """How many have ended."""
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    return f"{standing.ended:,} of {counted(standing.runs, 'run')} ended{failed}"


def best_in_words(best: Best) -> str:
    """The leading configuration with its accuracy."""
    of = f"{counted(best.value.runs, 'run')}"
    return f"best so far: {best.words}: {best.measure} {shown(best.value)} % ({of})"


def accuracies(train: Spread | None, validation: Spread | None, test: Spread | None) -> list[str]:
    """Those that there are, in words."""
    named = (("train", train), ("validation", validation), ("test", test))
    return [f"{name} {shown(value)} %" for name, value in named if value]


def shown(spread: Spread | None, digits: int = 2) -> str:
    """Mean ± standard deviation, the mean alone of one run."""
    if spread is None:
        return ""
    mean = f"{spread.mean:.{digits}f}"
    return mean if spread.sd is None else f"{mean} ± {spread.sd:.{digits}f}"


def _progress(standing: Standing, age: float = 0.0) -> str:
    said = [f"{standing.model_epochs:,} of {counted(standing.planned, 'model-epoch')}"]
    if standing.speed is not None:
        said.append(f"{_speed(standing.speed)} model-epochs/s")
    if standing.seconds_left:
        said.append(f"about {duration(max(1.0, standing.seconds_left - age))} left")
    return ", ".join(said)


def _bar(standing: Standing, width: int, now: float, age: float) -> Table:
    """How much is done, beside it in words."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(no_wrap=True, overflow="ellipsis")
    bar = ProgressBar(
        total=max(1, standing.planned),
        completed=standing.model_epochs + _under_way(standing, now),
        width=max(5, width // 6),
    )
    grid.add_row(bar, Text(_progress(standing, age)))
    return grid


def _under_way(standing: Standing, now: float) -> float:
    """Model-epochs of the epochs that train now, as far as they should have come."""
    return sum(len(row.seeds) * row.under_way.part(now) for row in standing.rows if row.under_way)


def _table(rows: tuple[Row, ...], width: int, now: float) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), width=min(width, WIDEST))
    validated = any(row.validation for row in rows)
    table.add_column("configuration", ratio=1, no_wrap=True, overflow="ellipsis", min_width=16)
    table.add_column("seeds", no_wrap=True, max_width=11, overflow="ellipsis")
    table.add_column("epoch", justify="right", no_wrap=True)
    if width >= NARROW:
        table.add_column("loss", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("train %", justify="right", no_wrap=True)
    if validated:
        table.add_column("validation %", justify="right", no_wrap=True)
    if not validated or width >= WIDE:
        table.add_column("test %", justify="right", no_wrap=True)
    if width >= NARROW:
        table.add_column("model-epochs/s" if width >= WIDE else "model-\nepochs/s", justify="right", no_wrap=True)
    for column in table.columns:
        column.vertical = "bottom"  # where a title takes two lines
    for row in rows:
        table.add_row(*_cells(row, width, now, validated=validated), style="red" if row.diverged else None)
    return table


def _cells(row: Row, width: int, now: float, *, validated: bool) -> list[Text]:
    diverged = f" ({row.diverged} diverged)" if row.diverged else ""
    cells = [f"{row.words}{diverged}", ranges(row.seeds), _epochs(row, now)]
    if width >= NARROW:
        cells.append(shown(row.loss and Spread(row.loss.mean, None, row.loss.runs), 3))
    if width >= WIDE:
        cells.append(shown(row.train))
    if validated:
        cells.append(shown(row.validation))
    if not validated or width >= WIDE:
        cells.append(shown(row.test))
    if width >= NARROW:
        cells.append("" if row.speed is None else _speed(row.speed))
    return [Text(cell) for cell in cells]


def _epochs(row: Row, now: float) -> str:
    """Those that are done of those planned; where one takes long, with the part that should be done of the next."""
    if row.under_way is None or row.under_way.seconds < LONG_EPOCH or row.epochs >= row.planned:
        return f"{row.epochs}/{row.planned}"
    return f"~{row.epochs + int(10 * row.under_way.part(now)) / 10:.1f}/{row.planned}"


def _speed(speed: float) -> str:
    """Two significant digits, without an exponent."""
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}" if speed >= 1 else f"{speed:.2g}"
