"""The summary and the comparisons as LaTeX tables (booktabs), for a paper."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from analysis import words
from analysis.findings import Findings

_SPECIAL = re.compile(r"[&%$#_{}]")
_SIGNS = {"−": "$-$", "±": "$\\pm$", "≥": "$\\geq$", "×": "$\\times$", "–": "--", ">": "$>$", "<": "$<$"}


def write(findings: Findings, tables: dict[str, pd.DataFrame], directory: Path) -> list[Path]:
    """Write summary.tex and comparisons.tex, where there is such a table, and return their paths."""
    paths = []
    for name, rows in (("summary", _summary(findings, tables)), ("comparisons", _comparisons(findings))):
        if len(rows) > 1:
            paths.append(directory / f"{name}.tex")
            paths[-1].write_text(tabular(rows), encoding="utf-8")
    return paths


def tabular(rows: Sequence[Sequence[str]]) -> str:
    """Return a tabular whose first column is text and whose first row is its head; it needs \\usepackage{booktabs}."""
    head, *body = ([escaped(cell) for cell in row] for row in rows)
    lines = [f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", "\\toprule", _row(head), "\\midrule"]
    return "\n".join([*lines, *map(_row, body), "\\bottomrule", "\\end{tabular}", ""])


def escaped(text: str) -> str:
    """Return a text with what LaTeX reads as its own made plain."""
    text = text.replace("\\", r"\textbackslash ")
    text = _SPECIAL.sub(lambda found: f"\\{found[0]}", text)
    return "".join(_SIGNS.get(letter, letter) for letter in text)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _summary(findings: Findings, tables: dict[str, pd.DataFrame]) -> list[list[str]]:
    rows = [["Configuration", "n", "Train (%)", "Test (%)", "Diverged"]]
    for row in tables.get("summary", pd.DataFrame()).to_dict("records"):
        means = [words.mean_sd(row[f"{m}_mean"], row[f"{m}_sd"]) for m in ("train_accuracy", "test_accuracy")]
        rows.append([str(row["configuration"]), str(row["n"]), *means, str(row["diverged"])])
    return rows


def _comparisons(findings: Findings) -> list[list[str]]:
    rows = [["Comparison", "n", "Difference", "Interval", "Verdict"]]
    table = findings.comparisons
    asked = table[table["family"] != "exploratory"] if len(table) else table
    for row in asked.to_dict("records"):
        name = f"{findings.label(int(row['a']))} − {findings.label(int(row['b']))}"
        said = words.verdict(row, findings.question.meaningful).split(",")[0]
        numbers = [
            f"{row['n_a']}, {row['n_b']}",
            "–" if pd.isna(row["difference"]) else words.change(row["difference"]),
        ]
        rows.append([name, *numbers, words.interval(*row["joint_interval"]), said])
    return rows
