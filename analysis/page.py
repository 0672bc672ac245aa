"""Renders report.html, one self-contained file, and summary.md."""

import base64
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from analysis import words
from analysis.advice import Advice, advice
from analysis.answer import Answer, answer
from analysis.captions import CAPTIONS, METHODS, SHARED_TIME, SHOWN, TABLES, TITLES
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.lines import Group, asked, seen
from study.contract.axes import AXES, number

MOST_ROWS = 1000
FIRST = ("confirmed", "summary")  # the tables that stand with the verdict
_STATES = {"planned": "not begun", "stopped": "stopped early", "derived": "part of a longer run"}  # those that need it


@dataclass(frozen=True)
class Picture:
    """A figure for the page: its name, heading, table and SVG."""

    name: str
    heading: str
    numbers: str
    svg: bytes


@dataclass(frozen=True)
class Said:
    """What the report says in words: the answer, what was asked, what would decide more, what was merely seen."""

    answer: Answer
    asked: tuple[Group, ...]
    advice: Advice | None
    seen: Group | None

    @classmethod
    def of(cls, findings: Findings) -> "Said":
        """All that is said of the findings."""
        return cls(answer(findings), tuple(asked(findings)), advice(findings), seen(findings))


@dataclass(frozen=True)
class Cell:
    """A table cell: what is read, the number it sorts by ('' for a missing number), and whether it is read as one."""

    text: str
    sort: str | None = None
    number: bool = True


def html(
    findings: Findings,
    pictures: list[Picture],
    left_out: list[tuple[str, str]],
    tables: dict[str, pd.DataFrame],
    said: Said,
    warnings: list[str],
) -> str:
    """Return the report as one HTML page that needs nothing from outside."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    results, shown = findings.results, _for_the_page(tables)
    return environment.get_template("report.html.jinja").render(
        name=results.name,
        question=findings.question.text,
        source=findings.source,
        runs=run_counts(findings),
        said=said,
        warnings=warnings,
        figures=[_figure(picture) for picture in pictures],
        left_out=_by_reason(left_out),
        first=[_table(name, shown[name], _places(findings)) for name in FIRST if name in shown],
        tables=[_table(name, shown[name], _places(findings)) for name in TABLES if name in shown and name not in FIRST],
        markdown=markdown(findings, tables.get("summary"), said, warnings),
        settings=_yaml(results.study) or "study.yaml is missing",
        provenance=json.dumps(results.provenance, indent=1, ensure_ascii=False),
        methods=METHODS,
    )


def markdown(
    findings: Findings,
    summary: pd.DataFrame | None,
    said: Said,
    warnings: list[str],
) -> str:
    """Return the question, verdicts, summary table and warnings as Markdown."""
    lines = [f"## {findings.results.name}", ""]
    lines += [findings.question.text, ""] if findings.question.text else []
    lines += [f"**{said.answer.sentence}**", ""]
    lines += [*(f"- {line}" for line in said.answer.lines), ""] if said.answer.lines else []
    for group in said.asked:
        lines += [f"**{group.heading}**", "", *(f"- {line}" for line in group.lines), ""]
        lines += [group.reading, ""] if group.reading else []
    if said.advice:
        lines += [said.advice.text, "", f"    {said.advice.command}", ""]
    if summary is not None and len(summary):
        lines += [*_markdown_table(findings, summary), ""]
        note = "Accuracies are means ± standard deviations over n seeds; epochs to an accuracy are medians"
        lines += [f"{note}; time is {SHARED_TIME}.", ""]
    for heading, claims in (
        ("What can be claimed", said.answer.claims),
        ("What cannot be claimed", said.answer.no_claims),
    ):
        lines += [f"**{heading}**", "", *(f"- {claim}" for claim in claims), ""] if claims else []
    lines += [f"- Note: {warning}" for warning in warnings] + ([""] if warnings else [])
    return "\n".join([*lines, f"{findings.source}. {run_counts(findings)}", ""])


def _for_the_page(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables without the exploratory pairs, which stand below the verdicts."""
    if "comparisons" not in tables:
        return tables
    asked = tables["comparisons"].query("family != 'exploratory'")
    return {
        name: asked if name == "comparisons" else table
        for name, table in tables.items()
        if name != "comparisons" or len(asked)
    }


def run_counts(findings: Findings) -> str:
    """Return how many runs there are, of how many configurations, and where they stand, in words."""
    runs = findings.results.runs
    if runs.empty:
        return "No runs."
    counts = runs["state"].value_counts()
    said = ", ".join(f"{counts[state]} {_STATES.get(state, state)}" for state in sorted(counts.index))
    return f"{counted(len(runs), 'run')} of {counted(runs['trial_id'].nunique(), 'configuration')}: {said}."


def _by_reason(left_out: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Figures that were left out for the same reason as one entry."""
    headings: dict[str, list[str]] = {}
    for heading, reason in left_out:
        headings.setdefault(reason, []).append(heading)
    return [(", ".join(each), reason) for reason, each in headings.items()]


def _places(findings: Findings) -> dict[str, int]:
    """The place of each configuration's words in the order of the axes' values, which tables are sorted by."""
    order = findings.conditions.sort_values(list(findings.axes) or ["label"], kind="stable")
    return {str(label): place for place, label in enumerate(order["label"])}


def _markdown_table(findings: Findings, summary: pd.DataFrame) -> list[str]:
    thresholds = [f"{t:g}" for t in findings.question.thresholds]
    diverged = bool(summary["diverged"].any())
    heads = ["Configuration", "n", *(["Diverged"] if diverged else []), "Train (%)", "Test (%)"]
    heads += [f"Epochs to {t} %" for t in thresholds] + ["Time (s)"]
    lines = [_row(heads), _row(["---"] + ["---:"] * (len(heads) - 1))]
    for row in summary.head(MOST_ROWS).to_dict("records"):
        cells = [str(row["configuration"]), str(row["n"]), *([str(row["diverged"])] if diverged else [])]
        for measure in ("train_accuracy", "test_accuracy"):
            cells.append(words.mean_sd(row[f"{measure}_mean"], row[f"{measure}_sd"]))
        for t in thresholds:
            cells.append(str(row[f"epochs_to_{t}"]) if pd.notna(row[f"epochs_to_{t}"]) else "–")
        cells.append("–" if pd.isna(row["seconds"]) else f"{row['seconds']:.0f}")
        lines.append(_row(cells))
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(picture: Picture) -> dict[str, Any]:
    """The figure as data; its size in CSS pixels is read from the SVG's points."""
    head = picture.svg[:2000].decode("utf-8", errors="replace")
    size = [float(v) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', head)[:2]]
    width, height = size if len(size) == 2 else [576.0, 288.0]
    return {
        "name": picture.name,
        "heading": picture.heading,
        "numbers": picture.numbers,
        "caption": CAPTIONS.get(picture.name, ""),
        "svg": base64.b64encode(picture.svg).decode("ascii"),
        "width": round(width * 4 / 3),
        "height": round(height * 4 / 3),
    }


def _table(name: str, table: pd.DataFrame, places: Mapping[str, int]) -> dict[str, Any]:
    heading, note = TABLES[name]
    if len(table) > MOST_ROWS:
        note = f"{note} The first {MOST_ROWS:,} of {len(table):,} rows; all are in tables/{name}.csv."
    shown = table.head(MOST_ROWS)
    columns: list[dict[str, Any]] = []
    cells: list[list[Cell]] = []
    for column in _order(name, table):
        values = shown[column]
        title, made = _column(column, values, shown, places)
        numbers = any(cell.sort is not None and cell.number for cell in made)
        columns.append({"title": title, "number": numbers})
        cells.append(made)
    rows = list(zip(*cells, strict=True))
    note = words.with_note(note, (cell.text for row in rows for cell in row))
    return {"name": name, "heading": heading, "note": note.strip(), "columns": columns, "rows": rows}


def _order(name: str, table: pd.DataFrame) -> list[str]:
    """The columns to show: those listed for the table, all of them where none are."""
    columns = [str(column) for column in table.columns]
    if name not in SHOWN:
        return columns
    wanted: list[str] = []
    for column in SHOWN[name]:
        stem = column.removesuffix("T")
        wanted += [c for c in columns if c.startswith(stem)] if stem != column else [column]
    return [column for column in wanted if column in columns and not _says_nothing(name, column, table)]


def _says_nothing(name: str, column: str, table: pd.DataFrame) -> bool:
    """Of the summary: the planned runs where all have finished, and those that diverged where none did."""
    if name != "summary":
        return False
    return (column == "runs" and bool((table["runs"] == table["n"]).all())) or (
        column == "diverged" and not table["diverged"].any()
    )


def _column(name: str, values: pd.Series, table: pd.DataFrame, places: Mapping[str, int]) -> tuple[str, list[Cell]]:
    """Return a column's title and cells; means carry their sd, lower limits their upper ones."""
    stem, _, part = name.rpartition("_")
    title = TITLES.get(name, name.replace("_", " "))
    if name in ("configuration", "a", "b"):
        return title, [Cell(str(v), str(places[v]) if v in places else "", number=False) for v in values]
    if name == "text" or name.startswith("epochs_to_"):
        return title, [_time(value) for value in values]
    if name == "more_low":
        return title, [_more(*row) for row in table[["more_low", "more", "more_high"]].itertuples(index=False)]
    if part == "low":
        pairs = zip(values, table[f"{stem}_high"], strict=True)
        signed = stem.endswith("interval")
        return title, [Cell(words.interval(a, b, signed), _sort(a)) for a, b in pairs]
    if part == "mean":
        pairs = zip(values, table[f"{stem}_sd"], strict=True)
        return title, [Cell(words.mean_sd(m, s), _sort(m)) for m, s in pairs]
    whole = all(float(value).is_integer() for value in values if isinstance(value, float) and np.isfinite(value))
    return title, [_cell(name, value, 0 if whole else 2) for value in values]


def _cell(name: str, value: Any, digits: int) -> Cell:
    """A cell; digits: behind the point of a number, alike in all of a column."""
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no")
    if value is None or value is pd.NaT:
        return Cell("–")
    if isinstance(value, int | np.integer):
        return Cell(str(value), str(value))
    if isinstance(value, float):
        if np.isnan(value):
            return Cell("–", "")
        if name in ("p", "p_adjusted", "p_margin", "level"):
            return Cell(words.p_value(value), _sort(value))
        if name in AXES:
            return Cell(number(value), _sort(value))
        if name == "threshold":
            return Cell(f"{value:g}", _sort(value))
        return Cell(f"{value:.{digits}f}".replace("-", "−"), _sort(value))
    return Cell(str(value))


def _more(low: float, middle: float, high: float) -> Cell:
    """A range of further seeds, sorted by its middle."""
    if np.isnan(low):
        return Cell("–", "")
    return Cell("no realistic number" if low > words.REALISTIC_SEEDS else words.span_of_seeds(low, high), _sort(middle))


def _time(value: Any) -> Cell:
    """A median number of epochs; one that is censored, '> 25', sorts behind the same number."""
    if not isinstance(value, str):
        return Cell("–", "")
    time = float(value.removeprefix("> "))
    return Cell(value, _sort(time + 0.5 if value.startswith(">") else time))


def _sort(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.10g}"


def _yaml(content: dict[str, Any]) -> str:
    if not content:
        return ""
    yaml = YAML()
    yaml.default_flow_style = False
    buffer = io.StringIO()
    yaml.dump(json.loads(json.dumps(content, default=str)), buffer)
    return buffer.getvalue()
