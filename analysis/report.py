"""Makes the report of a results directory: figures, tables, report.html and summary.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

from analysis import latex, page, searching, style, tables, words
from analysis.axes import short_title
from analysis.captions import SHARED_TIME, TABLES
from analysis.cautions import cautions
from analysis.figures.catalogue import CATALOGUE, FORMER, Entry
from analysis.figures.common import NoDataError
from analysis.findings import Findings, find
from analysis.joined import read_all
from analysis.ledger import first_line
from analysis.lineage import changing
from analysis.question import slips
from study.contract.axes import AXES
from study.contract.files import REPORT

MOST_PRINTED = 30
MOST_LINES = 12  # of a group, in the terminal


class ReportError(Exception):
    """The report cannot be made as asked; the message says what to change."""


@dataclass(frozen=True)
class Drawn:
    """A figure of the report: its files and, for the page, its SVG."""

    entry: Entry
    paths: tuple[Path, ...]
    svg: bytes


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    out: Path
    findings: Findings
    summary: pd.DataFrame
    said: page.Said
    warnings: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    left_out: tuple[tuple[str, str], ...]
    tables: dict[str, pd.DataFrame]
    formats: tuple[str, ...]  # of the figures, as asked for
    redrawn: tuple[str, ...]  # formats an earlier report had left, brought up to these results too


def write_report(
    directory: Path,
    out: Path | None = None,
    formats: Sequence[str] = ("svg", "png"),
    more: Sequence[Path] = (),
    look: style.Style = "report",
) -> Report:
    """Write figures, tables and the page from a results directory.

    more: results directories to join with the first (`joined.read_all`).
    look: "paper" makes the figure files for a paper (`style.theme`) and writes the tables as LaTeX too; the page stays.
    out: where to, DIRECTORY/report unless given, DIRECTORY/report-joined with more.
    formats: of the figure files, any of svg, png, pdf;
    those that an earlier report left in `out` are drawn again too, so that no figure there shows
    other results than the page. Raises ResultsError for a directory without results and ReportError
    for an unknown format, an `out` that cannot be written, or a slip in study.yaml.
    """
    formats = tuple(dict.fromkeys(formats))
    if unknown := [name for name in formats if name not in style.FORMATS]:
        raise ReportError(f"unknown format {', '.join(map(repr, unknown))}: choose from {', '.join(style.FORMATS)}")
    findings = find(read_all([directory, *more]))
    if wrong := slips(findings.results.study):
        raise ReportError("\n".join(wrong))  # a verdict against another difference than was meant is worse than none
    out = out or directory / (f"{REPORT}-joined" if more else REPORT)
    redrawn = tuple(kind for kind in _prepare(out) if kind not in formats)
    drawn, left_out, numbers = _draw_all(findings, out / "figures", (*formats, *redrawn), look)
    times = tables.time_table(findings)
    shown = {
        "confirmed": searching.confirmed_table(findings),
        "fates": searching.fates(findings),
        "summary": _best_first(findings, tables.summary(findings, times)),
        "comparisons": tables.comparison_rows(findings, findings.comparisons),
        "other_measures": tables.measure_rows(findings),
        "time_to_accuracy": times,
        "logrank": tables.logrank_table(findings),
        "runs": tables.run_rows(findings),
    }
    shown = {name: table for name, table in shown.items() if len(table)}
    tables.write({**shown, **numbers}, out / "tables")
    if look == "paper":
        latex.write(findings, shown, out / "tables")
    report = Report(
        out=out,
        findings=findings,
        summary=_in_short(findings, shown.get("summary", pd.DataFrame())),
        said=page.Said.of(findings),
        warnings=tuple(cautions(findings)),
        drawn=tuple(drawn),
        left_out=tuple(left_out),
        tables=shown,
        formats=formats,
        redrawn=redrawn,
    )
    _write_pages(report)
    return report


def print_summary(report: Report, console: Console) -> None:
    """Print the answer, what was asked, the summary table and the warnings: about a screen."""
    said = report.said
    console.print(f"[bold]{escape(said.answer.sentence)}[/bold]", highlight=False)
    for line in said.answer.lines:
        console.print(Padding(escape(line), (0, 0, 0, 2)), highlight=False)
    for group in said.asked:
        console.print(f"[bold]{escape(group.heading)}[/bold]", highlight=False)
        for line in group.lines[:MOST_LINES]:
            console.print(Padding(f"• {escape(str(line))}", (0, 0, 0, 2)), highlight=False)
        if len(group.lines) > MOST_LINES:
            console.print(f"  ... and {len(group.lines) - MOST_LINES} more in the report", highlight=False)
        if group.reading:
            console.print(Padding(f"[dim]{escape(group.reading)}[/dim]", (0, 0, 0, 2)))
    if said.advice:
        console.print(Padding(f"[dim]{escape(said.advice.text)}[/dim]", (0, 0, 0, 2)))
        console.print(f"  {said.advice.command}", soft_wrap=True, highlight=False, markup=False)
    _print_table(report, console)
    if len(report.summary) > MOST_PRINTED:
        console.print(f"... and {len(report.summary) - MOST_PRINTED} more in tables/summary.csv")
    for line in report.warnings[:MOST_PRINTED]:
        console.print(f"[yellow]![/yellow] {escape(line)}", highlight=False)
    if said.seen:
        console.print(f"[dim]{escape(said.seen.heading)}: in the report[/dim]", highlight=False)
    console.print(_figures_said(report), highlight=False)
    console.print(f"Report: {report.out / 'report.html'}", soft_wrap=True, highlight=False, markup=False)


def _figures_said(report: Report) -> str:
    said = f"Figures: {len(report.drawn)} as {', '.join(report.formats) or 'part of the page alone'}"
    if report.redrawn:
        said += f"; the {' and '.join(report.redrawn)} files of an earlier report were drawn again too"
    return said


def _print_table(report: Report, console: Console) -> None:
    """Print the summary with as many columns as the terminal is wide enough for."""
    columns, table = _columns(report), _rich_table(report, _columns(report))
    unlimited = console.options.update(max_width=10_000)
    spare = [name for name in columns if name.startswith("≥")] + ["Train (%)", "Time (s)"]
    left_out: list[str] = []
    while spare and Measurement.get(console, unlimited, table).maximum > console.width:
        left_out.append(spare.pop(0))
        table = _rich_table(report, [name for name in columns if name not in left_out])
    console.print(table)
    if left_out:
        console.print(f"{', '.join(left_out)}: in the report, or in a wider terminal", style="dim", highlight=False)


def _columns(report: Report) -> list[str]:
    """The columns of numbers, in order."""
    thresholds = report.findings.question.thresholds
    return [
        "n",
        *(["Diverged"] if report.summary["diverged"].any() else []),
        *(["Validation (%)"] if report.findings.question.searches and report.findings.has_validation else []),
        *("Train (%)", "Test (%)"),
        *(f"≥{t:g} %" for t in thresholds),
        "Time (s)",
    ]


def _rich_table(report: Report, columns: Sequence[str]) -> Table:
    findings = report.findings
    axes = [axis for axis in findings.axes if axis in AXES]
    shown = report.summary.head(MOST_PRINTED)
    caption = ["mean ± sd over n seeds"]
    caption += ["Validation: what it was selected by"] if "Validation (%)" in columns else []
    caption += ["≥T %: median epochs to T % test accuracy"] if any(name.startswith("≥") for name in columns) else []
    caption += [f"Time: {SHARED_TIME}"] if "Time (s)" in columns else []
    table = Table(
        title=escape(f"{findings.results.name}: {findings.source}"),
        title_justify="left",
        caption="; ".join(caption),
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    changed = changing(findings.results.history.exchanges)
    for axis in axes:
        table.add_column(f"First {short_title(axis)}" if axis in changed else short_title(axis), no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for condition, row in zip(shown.index.tolist(), shown.to_dict("records"), strict=True):
        point = findings.point(condition)  # its stage too, which the summary does not hold
        texts = (findings.labels.text(axis, point[axis]) for axis in axes)
        table.add_row(*texts, *(_text(name, condition, row, findings) for name in columns))
    return table


def _text(column: str, condition: int, row: Mapping[Any, Any], findings: Findings) -> str:
    """A cell of the terminal's table."""
    if column == "n":
        return str(row["n"]) if row["n"] == row["runs"] else f"{row['n']}/{row['runs']:.0f}"
    if column == "Diverged":
        return str(row["diverged"] or "")
    if column == "Validation (%)":
        return _selected_with(condition, row, findings)
    if column == "Time (s)":
        return "–" if pd.isna(row["seconds"]) else f"{row['seconds']:.0f}"
    if column.startswith("≥"):
        value = row[f"epochs_to_{column.strip('≥ %')}"]
        return value if isinstance(value, str) else "–"
    stem = "train_accuracy" if column == "Train (%)" else "test_accuracy"
    return words.mean_sd(row[f"{stem}_mean"], row[f"{stem}_sd"])


def _selected_with(condition: int, row: Mapping[Any, Any], findings: Findings) -> str:
    """The validation accuracy that a search selects by; of what was confirmed that of its exploration."""
    winner = next((each for each in findings.winners if each.condition == condition), None)
    if winner is not None:
        return "–" if winner.selected is None else f"{winner.selected:.2f}"
    return words.mean_sd(row["validation_accuracy_mean"], row["validation_accuracy_sd"])


def _in_short(findings: Findings, summary: pd.DataFrame) -> pd.DataFrame:
    """The rows for the terminal: of a search that confirms its winners those alone, the best first."""
    winners = [each.condition for each in findings.winners]
    return summary.loc[winners] if winners else summary


def _best_first(findings: Findings, summary: pd.DataFrame) -> pd.DataFrame:
    """Of a search: what was confirmed, then what was trained to its end, the best validation accuracy first."""
    if not findings.question.searches:
        return summary
    if findings.has_validation:
        summary = summary.sort_values("validation_accuracy_mean", ascending=False, kind="stable")
    summary = summary.sort_values("n", ascending=False, kind="stable", key=lambda n: n > 0)
    winners = [each.condition for each in findings.winners]
    return pd.concat([summary.loc[winners], summary.drop(index=winners)])


def _write_pages(report: Report) -> None:
    warnings = list(report.warnings)
    pictures = [page.Picture(d.entry.name, d.entry.heading, d.entry.numbers, d.svg) for d in report.drawn]
    left_out, findings = list(report.left_out), report.findings
    content = page.html(findings, pictures, left_out, report.tables, report.said, warnings)
    (report.out / "report.html").write_text(content, encoding="utf-8")
    content = page.markdown(findings, report.summary, report.said, warnings)
    (report.out / "summary.md").write_text(content, encoding="utf-8")


def _prepare(out: Path) -> list[str]:
    """Make the directories, remove what an earlier report left there, and return its figures' formats."""
    try:
        for name in ("figures", "tables"):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"{out}: cannot write the report there ({error.strerror}); another folder: --out DIR"
        ) from error
    names = [*(entry.name for entry in CATALOGUE), *FORMER]
    files = {kind: [out / "figures" / f"{name}.{kind}" for name in names] for kind in style.FORMATS}
    found = [kind for kind, paths in files.items() if any(path.exists() for path in paths)]
    old = [path for paths in files.values() for path in paths]
    old += [out / "tables" / f"{name}.{kind}" for name in TABLES for kind in ("csv", "tex")]
    for name in names:
        old += (out / "tables").glob(f"figure_{name}*.csv")
    for path in old:
        path.unlink(missing_ok=True)
    return found


def failed(error: Exception) -> str:
    """The reason, for the report, why a figure that raised is left out."""
    return f"it could not be drawn ({type(error).__name__}: {first_line(error)}); please report this"


def _files(entry: Entry, info: Any, formats: Sequence[str], look: style.Style) -> dict[str, bytes]:
    with style.theme(look):
        figure = entry.draw(info)
        return {kind: style.render(figure, kind) for kind in dict.fromkeys(formats)}


def _draw_all(
    findings: Findings, directory: Path, formats: Sequence[str], look: style.Style
) -> tuple[list[Drawn], list[tuple[str, str]], dict[str, pd.DataFrame]]:
    drawn, left_out, numbers = [], [], {}
    for entry in CATALOGUE:
        try:
            info = entry.info(findings)
        except NoDataError as reason:
            left_out.append((entry.heading, str(reason)))
            continue
        except Exception as error:  # one figure's fault does not cost the verdict
            left_out.append((entry.heading, failed(error)))
            continue
        try:
            shown = _files(entry, info, ("svg", *formats) if look == "report" else ("svg",), "report")
            files = shown if look == "report" else _files(entry, info, formats, look)
        except Exception as error:
            left_out.append((entry.heading, failed(error)))
            continue
        paths = [directory / f"{entry.name}.{kind}" for kind in formats]
        for path in paths:
            path.write_bytes(files[path.suffix[1:]])
        drawn.append(Drawn(entry, tuple(paths), shown["svg"]))
        for part, table in {"": info.table, **getattr(info, "more", {})}.items():
            numbers.setdefault(entry.numbers + part, tables.labelled(findings, table))
    return drawn, left_out, numbers
