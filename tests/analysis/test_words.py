import math

import pytest

from analysis.comparison import MOST_SEEDS
from analysis.findings import Findings
from analysis.words import headline, interval, mean_sd, p_value, points, tally, verdict

NAN = math.nan


def row(verdict: str, low: float, high: float, needed: float | None = None, note: str = "") -> dict:
    return {
        "verdict": verdict,
        "joint_interval": (low, high),
        "seeds_needed": needed,
        "note": note,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (row("larger", 1.2, 3.0), "larger than 1 point"),
        (row("smaller", -0.2, 0.3), "smaller than 1 point"),
        (row("undecided", -2, 3, 12), "undecided, about 12 seeds would decide"),
        (
            row("undecided", 0.5, 3, 12),
            "not zero, but whether larger than 1 point is undecided, about 12 seeds would decide",
        ),
        (
            row("undecided", -2, 3, MOST_SEEDS + 1),
            "undecided, more than 1,000 seeds would be needed to decide",
        ),
        (row("undecided", NAN, NAN, None, "one run"), "undecided (one run)"),
    ],
)
def test_verdict_in_words(given: dict, said: str) -> None:
    assert verdict(given, 1.0) == said


def test_numbers_in_words() -> None:
    assert points(1.0) == "1 point"
    assert points(2.5) == "2.5 points"
    assert mean_sd(NAN, NAN) == "–"
    assert mean_sd(50.0, NAN) == "50.00"
    assert mean_sd(50.0, 1.234) == "50.00 ± 1.23"
    assert interval(-1.0, 2.0) == "[−1.00, +2.00]"
    assert interval(NAN, NAN) == "–"
    assert (p_value(0.00001), p_value(0.034), p_value(NAN)) == ("< 0.0001", "0.034", "–")


def test_declared_question_comes_first(findings: dict[str, Findings]) -> None:
    groups = headline(findings["corners"])
    assert groups[0].heading == "Declared: residual against conv with batch norm"
    assert "points lower than conv, batch norm" in str(groups[0].lines[0])
    assert groups[1].heading.startswith("Against residual, no batch norm (53.")
    assert len(groups[1].lines) == 2


def test_unfinished_side_has_no_verdict(findings: dict[str, Findings]) -> None:
    lines = [str(line) for group in headline(findings["killed"]) for line in group.lines]
    assert "3 blocks, batch norm: no verdict, no finished run on one side" in lines


def test_a_single_configuration_gets_its_mean(findings: dict[str, Findings]) -> None:
    (group,) = headline(findings["single"])
    assert "nothing to compare it with" in str(group.lines[0])
    assert "95 % interval of the mean [" in str(group.lines[0])


def test_a_search_names_the_best_by_validation(findings: dict[str, Findings]) -> None:
    (group,) = headline(findings["search"])
    found = findings["search"]
    best = found.runs.groupby("condition")["validation_accuracy"].mean().idxmax()
    assert f"Best by validation accuracy among 10 finished configurations: {found.label(int(str(best)))}" in str(
        group.lines[0]
    )


def test_tally_counts_each_family(findings: dict[str, Findings]) -> None:
    comparisons = findings["depth"].comparisons
    lines = tally(comparisons, 1.0)
    larger = (comparisons[comparisons["family"] == "baseline"]["verdict"] == "larger").sum()
    assert lines[0].startswith(f"baseline: {larger} of 9 differences larger than 1 point")
    assert lines[1].startswith("exploratory: ")
