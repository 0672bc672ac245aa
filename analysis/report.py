"""Makes the report of a results directory: figures, tables, report.html and summary.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analysis import style, tables, words
from analysis.cautions import cautions
from analysis.figures.catalogue import CATALOGUE, Entry
from analysis.figures.common import NoDataError
from analysis.findings import Findings, find
from analysis.results import read

MOST_PRINTED = 30


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
    verdicts: tuple[str, ...]
    warnings: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    left_out: tuple[tuple[str, str], ...]
    tables: dict[str, pd.DataFrame]


def write_report(directory: Path, out: Path | None = None, formats: Sequence[str] = ("svg", "png")) -> Report:
    """Write figures, tables and the page from a results directory.

    out: where to, DIRECTORY/report unless given; figures of an earlier report in it are replaced.
    formats: of the figure files, any of svg, png, pdf. Raises ResultsError for a directory without
    results and ReportError for an unknown format or an `out` that cannot be written.
    """
    if unknown := [name for name in formats if name not in style.FORMATS]:
        raise ReportError(f"unknown format {', '.join(map(repr, unknown))}: choose from {', '.join(style.FORMATS)}")
    findings = find(read(directory))
    out = out or directory / "report"
    _prepare(out)
    drawn, left_out, numbers = _draw_all(findings, out / "figures", formats)
    shown = {
        "summary": tables.summary(findings),
        "comparisons": tables.comparison_rows(findings, findings.comparisons),
        "other_measures": tables.comparison_rows(findings, findings.measures),
        "time_to_accuracy": tables.time_table(findings),
        "logrank": tables.logrank_table(findings),
        "runs": tables.run_rows(findings),
        "trials": tables.trial_rows(findings),
    }
    shown = {name: table for name, table in shown.items() if len(table)}
    tables.write({**shown, **numbers}, out / "tables")
    return Report(
        out=out,
        findings=findings,
        summary=shown.get("summary", pd.DataFrame()),
        verdicts=tuple(words.headline(findings)),
        warnings=tuple(cautions(findings)),
        drawn=tuple(drawn),
        left_out=tuple(left_out),
        tables=shown,
    )


def print_summary(report: Report, console: Console) -> None:
    """Print the summary table, the verdicts and the warnings."""
    findings = report.findings
    console.print(_rich_table(report))
    if len(report.summary) > MOST_PRINTED:
        console.print(f"... and {len(report.summary) - MOST_PRINTED} more in tables/summary.csv")
    for line in report.verdicts[:MOST_PRINTED]:
        console.print(f"[bold]•[/bold] {escape(line)}")
    for line in words.tally(findings.comparisons, findings.question.meaningful):
        console.print(f"[dim]{escape(line)}[/dim]")
    for line in report.warnings[:MOST_PRINTED]:
        console.print(f"[yellow]![/yellow] {escape(line)}")
    console.print(f"Report: {report.out}", soft_wrap=True, highlight=False)


def _rich_table(report: Report) -> Table:
    findings = report.findings
    table = Table(title=escape(findings.results.name), title_justify="left")
    table.add_column("Configuration")
    for name in ("n", "Train (%)", "Test (%)"):
        table.add_column(name, justify="right")
    thresholds = [f"{t:g}" for t in findings.question.thresholds]
    for threshold in thresholds:
        table.add_column(f"Epochs to {threshold} %", justify="right")
    table.add_column("Seconds", justify="right")
    for row in report.summary.head(MOST_PRINTED).to_dict("records"):
        table.add_row(
            escape(str(row["configuration"])),
            _finished(row["n"], row["runs"]),
            words.mean_sd(row["train_accuracy_mean"], row["train_accuracy_sd"]),
            words.mean_sd(row["test_accuracy_mean"], row["test_accuracy_sd"]),
            *(_reached(row, threshold) for threshold in thresholds),
            "–" if pd.isna(row["seconds"]) else f"{row['seconds']:.0f}",
        )
    return table


def _finished(n: int, planned: float) -> str:
    return str(n) if n == planned else f"{n} of {planned:.0f}"


def _reached(row: dict, threshold: str) -> str:
    if pd.isna(row[f"reached_{threshold}"]):
        return "–"
    reached, seen = int(row[f"reached_{threshold}"]), int(row[f"seen_{threshold}"])
    text = str(row[f"epochs_to_{threshold}"])
    return text if reached == seen else f"{text} ({reached}/{seen})"


def _prepare(out: Path) -> None:
    """Make the directories and remove what an earlier report left there."""
    try:
        for name in ("figures", "tables"):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{out}: cannot write the report there: {error.strerror}") from error
    for entry in CATALOGUE:
        for kind in style.FORMATS:
            (out / "figures" / f"{entry.name}.{kind}").unlink(missing_ok=True)
        (out / "tables" / f"figure_{entry.name}.csv").unlink(missing_ok=True)


def _draw_all(
    findings: Findings, directory: Path, formats: Sequence[str]
) -> tuple[list[Drawn], list[tuple[str, str]], dict[str, pd.DataFrame]]:
    drawn, left_out, numbers = [], [], {}
    for entry in CATALOGUE:
        try:
            info = entry.info(findings)
        except NoDataError as reason:
            left_out.append((entry.heading, str(reason)))
            continue
        with style.theme():
            figure = entry.draw(info)
            svg = style.render(figure, "svg")
            paths = style.save(figure, directory / entry.name, formats)
        drawn.append(Drawn(entry, tuple(paths), svg))
        numbers[f"figure_{entry.name}"] = info.table
    return drawn, left_out, numbers
