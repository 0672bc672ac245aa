"""The comparisons of a study as statements, each with its verdict: declared, baseline, and what was merely seen."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import words
from analysis.axes import title
from analysis.findings import Findings
from analysis.ledger import counted
from study.contract.axes import AXES

ASKED = ("declared", "baseline")
NOT_DECLARED = "No error rate holds: the question was changed after results were there (see the warnings)."


@dataclass(frozen=True)
class Line:
    """One statement and the verdict at its end; kind: as `words.kind`, '' where nothing is judged."""

    text: str
    verdict: str = ""
    kind: str = ""

    def __str__(self) -> str:
        """Return the line as plain text."""
        return f"{self.text}: {self.verdict}" if self.verdict else self.text


@dataclass(frozen=True)
class Group:
    """Statements under one heading, with how to read their numbers."""

    heading: str
    lines: tuple[Line, ...]
    reading: str = ""


def asked(findings: Findings) -> list[Group]:
    """Return the declared questions and the comparisons with the baseline, those that are decided first."""
    table = findings.comparisons
    groups: list[Group] = []
    shared = _shared_notes(findings)
    for family in ASKED if len(table) else ():
        rows = table[table["family"] == family]
        for key, members in rows.groupby("b" if family == "baseline" else "name", sort=False):
            at_once = family == "baseline" and members["n_b"].nunique() == 1
            heading = _against(members.iloc[0], findings, at_once) if family == "baseline" else f"Declared: {key}"
            without = members["verdict"] == "no data"
            lines = [_line(row, findings, shared, at_once) for row in members[~without].to_dict("records")]
            lines.sort(key=lambda line: line.kind == "undecided")
            lines += _no_data(members[without], findings)
            groups.append(Group(heading, tuple(lines)))
    if not groups:
        return []
    texts = [str(line) for group in groups for line in group.lines]
    last = groups[-1]
    return [*groups[:-1], Group(last.heading, last.lines, words.with_note(reading(findings), texts))]


def reading(findings: Findings) -> str:
    """Return how to read the numbers of the comparisons that were asked for."""
    verdicts = [each.verdict for each in findings.judged]
    if set(verdicts) == {"no data"}:
        return ""
    said = [f"{findings.question.measure.capitalize()}, percentage points."]
    if any(each.low == each.low for each in findings.judged):
        said.append("[ ]: the interval behind the verdict, which is the one to quote.")
    if "larger" in verdicts or "smaller" in verdicts:
        false = f"is any of the {len(verdicts)} verdicts" if len(verdicts) > 1 else "is the verdict"
        promised = f"In at most {100 * findings.promised_error:.3g} % of studies {false} false."
        said.append(NOT_DECLARED if findings.changed else promised)
    if len({each.look for each in findings.judged if each.low == each.low}) > 1:
        said.append("A verdict keeps the numbers of the look that reached it.")
    if findings.question.most and any(row["n_a"] != row["n_b"] for row in findings.comparisons.to_dict("records")):
        said.append("A baseline of several comparisons gets up to twice as many seeds as the others.")
    if any(pair.paired for pair, _ in findings.verdicts):
        said.append("Numbers of epochs are compared run by run: the shorter run is the beginning of the longer.")
    return " ".join([*said, *(f"{note[0].upper()}{note[1:]}." for note in _shared_notes(findings))])


def _shared_notes(findings: Findings) -> list[str]:
    """Why several comparisons have no interval: said once, below all of them."""
    table = findings.comparisons
    if table.empty:
        return []
    notes = table.loc[(table["verdict"] == "undecided") & table["more_low"].isna(), "note"].value_counts()
    return [str(note) for note, times in notes.items() if note and times > 1]


def seen(findings: Findings) -> Group | None:
    """Return the exploratory pairs, the largest difference first; None without any that has finished runs."""
    table = findings.comparisons
    rows = table[(table["family"] == "exploratory") & table["difference"].notna()] if len(table) else table
    if rows.empty:
        return None
    rows = rows.reindex(rows["difference"].abs().sort_values(ascending=False, kind="stable").index)
    lines = tuple(_seen(row, findings) for row in rows.to_dict("records"))
    said = (
        "Pairs that differ in one axis and that nobody asked for, the largest difference first. They claim nothing: "
        "[ ] is the 95 % interval of each by itself, and among many pairs some leave out 0 by chance. More numbers: "
        "tables/comparisons.csv."
    )
    return Group(
        f"{counted(len(lines), 'exploratory pair')}, not judged", lines, words.with_note(said, map(str, lines))
    )


def tally(rows: Sequence[Mapping[Any, Any]], meaningful: float) -> str:
    """Return how many comparisons came out how, in words."""
    kinds = Counter(words.kind(row) for row in rows)
    d = words.points(meaningful)
    named = {
        "better": f"better by more than {d}",
        "worse": f"worse by more than {d}",
        "smaller": f"less than {d} apart",
        "fails": "where one side does not train",
        "undecided": "undecided",
    }
    every = "all " if len(kinds) == 1 < len(rows) else ""
    return ", ".join(f"{every}{kinds[kind]} {name}" for kind, name in named.items() if kind in kinds)


def sentence(row: Mapping[Any, Any], findings: Findings) -> str:
    """Return the verdict on a comparison as a sentence a person would say."""
    a, b = findings.label(int(row["a"])), findings.label(int(row["b"]))
    d = words.points(findings.question.meaningful)
    kind = words.kind(row)
    if kind in ("better", "worse"):
        return f"{a} is {kind} than {b} by more than {d} ({words.change(row['difference'])})"
    if kind == "smaller":
        return f"{a} and {b} are less than {d} apart ({words.change(row['difference'])})"
    if kind == "fails":
        fails = row["diverged_a"] == row["n_a"]
        return f"{a if fails else b} {words.does_not_train(row['n_a' if fails else 'n_b'])}"
    if kind == "no data":
        return f"{a} and {b}: no data yet"
    difference = words.change(row["difference"])
    if words.ahead(row):
        order = (a, b) if row["difference"] > 0 else (b, a)
        return f"{order[0]} is ahead of {order[1]} ({difference.lstrip('−+')}), whether by more than {d} is undecided"
    return f"{a} against {b}: undecided ({difference} so far)"


def _against(row: pd.Series, findings: Findings, at_once: bool) -> str:
    """The heading of the comparisons with a baseline, with its mean where all of them saw the same runs of it."""
    b = findings.label(int(row["b"]))
    told = at_once and not math.isnan(row["mean_b"])
    return f"Against {b} ({row['mean_b']:.2f} %, n = {row['n_b']})" if told else f"Against {b}"


def _line(row: Mapping[Any, Any], findings: Findings, shared: Sequence[str], at_once: bool) -> Line:
    """A comparison with its verdict; shared: the notes that stand below all of them.

    at_once: whether the heading holds the baseline's numbers; else verdicts were reached at different looks.
    """
    a, b = findings.label(int(row["a"])), findings.label(int(row["b"]))
    row = {**row, "note": "" if row["note"] in shared else row["note"]}
    question, kind = findings.question, words.kind(row)
    said = words.verdict(row, question.meaningful, question.most, findings.given_up(int(row["look"])))
    baseline = row["family"] == "baseline"
    if kind == "fails":
        return Line(a if baseline else f"{a} against {b}", said, kind)
    low, high = row["joint_interval"]
    span = "" if math.isnan(low) else f" {words.interval(low, high)}"
    numbers = f"{row['mean_a']:.2f} against {row['mean_b']:.2f} %, n = {row['n_a']} and {row['n_b']}"
    if baseline:
        numbers = f"{row['mean_a']:.2f} %, n = {row['n_a']}" if at_once else numbers
        return Line(f"{a} ({numbers}): {words.change(row['difference'])}{span}", said, kind)
    return Line(f"{a} {_apart(row['difference'])} {b} ({numbers}){span}", said, kind)


def _no_data(rows: pd.DataFrame, findings: Findings) -> list[Line]:
    """Comparisons that have no finished run on one side, in a line."""
    if rows.empty:
        return []
    names = (findings.label(int(number)) for number in rows["a"])
    return [Line(f"No data yet: {words.listed(names, most=10)}", kind="no data")]


def _seen(row: Mapping[Any, Any], findings: Findings) -> Line:
    a, b = findings.label(int(row["a"])), findings.label(int(row["b"]))
    span = "" if math.isnan(row["interval"][0]) else f" {words.interval(*row['interval'])}"
    axis = str(row["name"]).removeprefix("effect of ")
    effect = f"{title(axis).lower()}: " if axis in AXES else ""
    return Line(f"{effect}{a} {_apart(row['difference'])} {b}{span}")


def _apart(difference: float) -> str:
    if f"{abs(difference):.2f}" == "0.00":
        return "equals"
    return f"has {abs(difference):.2f} points {'more' if difference > 0 else 'less'} than"
