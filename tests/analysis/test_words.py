import math
from pathlib import Path

import pytest

from analysis.findings import Findings, find
from analysis.lines import _apart, asked, seen, tally
from analysis.results import read
from analysis.words import (
    BEYOND_NOTE,
    REALISTIC_SEEDS,
    change,
    duration,
    interval,
    listed,
    mean_sd,
    p_value,
    points,
    range_of_seeds,
    unseen_divergence,
    verdict,
)
from tests.analysis.simulate import corners, simulate

NAN = math.nan


def row(verdict: str, difference: float, more: tuple[float, float] = (NAN, NAN), note: str = "") -> dict:
    numbers = {"n_a": 3, "n_b": 3, "diverged_a": 0, "diverged_b": 0}
    seeds = {"more_low": more[0], "more_high": more[1]}
    interval = {"joint_interval": (difference - 3.0, difference + 3.0)}
    return {"verdict": verdict, "difference": difference, **numbers, **seeds, **interval, "note": note}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (row("larger", 2.0), "better by more than 1 point"),
        (row("larger", -2.0), "worse by more than 1 point"),
        (row("smaller", 0.1), "less than 1 point apart"),
        (row("undecided", 1.0, (3, 58)), "undecided, about 3 to 58 more seeds would decide"),
        (row("undecided", 1.0, (1, 1)), "undecided, about 1 more seed would decide"),
        (row("undecided", 1.0, (90, 900)), "undecided, about 90 to more than 200 more seeds would decide"),
        (row("undecided", 1.0, (REALISTIC_SEEDS + 1, 900)), "undecided, no realistic number of seeds would decide"),
        (
            row("undecided", 1.2, (38, 900)) | {"joint_interval": (0.3, 2.0)},
            "undecided whether by more than 1 point, about 38 to more than 200 more seeds would decide",
        ),
        (row("undecided", -1.2) | {"joint_interval": (-2.0, -0.3)}, "undecided whether by more than 1 point"),
        (row("undecided", 1.0, note="one run"), "undecided (one run)"),
        (row("no data", NAN, note="no finished run on one side"), "no data yet"),
        (row("does not train", -45) | {"diverged_a": 3}, "does not train: 3 of 3 diverged"),
        (
            row("does not train", 45) | {"diverged_b": 3},
            "nothing to compare with, as that does not train: 3 of 3 diverged",
        ),
        (row("not judged", 45), "not judged"),
    ],
)
def test_verdict_in_words(given: dict, said: str) -> None:
    assert verdict(given, 1.0) == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((3, 7), "about 3 to 7 more seeds would decide"),
        ((3, 8), "about 3 to 8 more seeds would decide, perhaps above this study's most of 10"),
        ((38, 900), "about 38 to more than 200 more seeds would decide, above this study's most of 10"),
    ],
)
def test_more_seeds_than_the_study_adds_by_itself_are_said(more: tuple[float, float], said: str) -> None:
    assert verdict(row("undecided", 1.0, more), 1.0, most=10) == f"undecided, {said}"


def test_why_no_more_seeds_were_added_is_said() -> None:
    given = row("undecided", 1.0, (15, 900))
    more = "about 15 to more than 200 more seeds would decide"
    given_up = "undecided, given up after 3 seeds because 12 would hardly decide it"
    assert verdict(given, 1.0, most=12, given_up=True) == f"{given_up}, {more}"
    assert verdict(given, 1.0, most=3) == f"undecided after all 3 planned seeds, {more}"
    hopeless = row("undecided", 1.0, (201, 900))
    assert verdict(hopeless, 1.0, most=12, given_up=True) == f"{given_up}, no realistic number of seeds would decide"


def test_numbers_in_words() -> None:
    assert points(1.0) == "1 point"
    assert points(2.5) == "2.5 points"
    assert mean_sd(NAN, NAN) == "–"
    assert mean_sd(50.0, NAN) == "50.00"
    assert mean_sd(50.0, 1.234) == "50.00 ± 1.23"
    assert mean_sd(-0.001, 0.16) == "0.00 ± 0.16"
    assert mean_sd(-1.5, NAN) == "−1.50"
    assert (change(-0.001), change(-0.3)) == ("+0.00", "−0.30")
    assert interval(-1.0, 2.0) == "[−1.00, +2.00]"
    assert interval(NAN, NAN) == "–"
    assert (p_value(0.00001), p_value(0.034), p_value(NAN)) == ("< 0.0001", "0.034", "–")
    assert range_of_seeds(3, 7) == "3 to 7 more seeds"
    said = "0 of 30 runs diverged, but 3 runs of one configuration cannot exclude a share of 63 %"
    assert unseen_divergence(3, 30) == said


def test_times_are_said_in_the_unit_that_a_person_would_use() -> None:
    assert [duration(s) for s in (0.2, 1, 40, 60, 720, 5400, 36_000, 200_000)] == [
        *("a second", "1 second", "40 seconds", "1 minute", "12 minutes", "1.5 hours", "10 hours", "2.3 days"),
    ]


def test_lists_in_a_sentence() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], word="or") == "a; b or c"
    assert listed("abcdefgh") == "a; b; c; d; e; f and 2 more"


def test_declared_question_comes_first(findings: dict[str, Findings]) -> None:
    groups = asked(findings["corners"])
    assert groups[0].heading == "Declared: residual against conv with batch norm"
    assert "points less than conv, batch norm" in str(groups[0].lines[0])
    assert groups[1].heading.startswith("Against residual, no batch norm (53.")
    assert len(groups[1].lines) == 2
    assert "In at most 5 % of studies is any of the 3 verdicts false" in groups[1].reading


def test_unfinished_side_has_no_verdict(findings: dict[str, Findings]) -> None:
    lines = [str(line) for group in asked(findings["killed"]) for line in group.lines]
    assert "No data yet: 3 blocks, batch norm; 20 blocks, no batch norm and 20 blocks, batch norm" in lines


def test_a_reason_that_several_share_is_said_once_below_them(findings: dict[str, Findings]) -> None:
    (group,) = asked(findings["one_seed"])
    assert len(group.lines) == 9
    assert {line.verdict for line in group.lines} == {"undecided"}
    assert group.reading.endswith("One finished run on a side: the spread between seeds is unknown.")
    assert "of studies" not in group.reading, "nothing is claimed"


def test_what_is_decided_stands_above_what_is_not(findings: dict[str, Findings]) -> None:
    (group,) = asked(findings["learning_rate"])
    kinds = [line.kind for line in group.lines]
    assert "fails" in kinds
    assert kinds == sorted(kinds, key=lambda kind: kind in ("undecided", "no data"))


def test_tally_counts_what_was_asked_for(findings: dict[str, Findings]) -> None:
    rows = findings["killed"].comparisons.query("family == 'baseline'").to_dict("records")
    worse = sum(each["verdict"] == "larger" and each["difference"] < 0 for each in rows)
    assert worse
    assert f"{worse} worse by more than 1 point" in tally(rows, 1.0)
    assert tally([row("undecided", 1.0)] * 3, 1.0) == "all 3 undecided"


def test_exploratory_pairs_stand_apart_the_largest_difference_first(findings: dict[str, Findings]) -> None:
    group = seen(findings["depth"])
    assert group is not None
    table = findings["depth"].comparisons
    assert len(group.lines) == (table["family"] == "exploratory").sum()
    assert not any(line.verdict for line in group.lines)
    sizes = table[table["family"] == "exploratory"]["difference"].abs().sort_values(ascending=False)
    assert f"{sizes.iloc[0]:.2f} points" in str(group.lines[0])
    assert f"{sizes.iloc[-1]:.2f} points" in str(group.lines[-1])
    assert seen(findings["single"]) is None


@pytest.mark.parametrize(
    ("low", "high", "signed", "said"),
    [
        (-3.0, 60.0, False, "[−3.00, 60.00]*"),
        (40.0, 100.5, False, "[40.00, 100.50]*"),
        (0.0, 100.0, False, "[0.00, 100.00]"),
        (-3.0, 60.0, True, "[−3.00, +60.00]"),
        (-203.1, 165.9, True, "[−203.10, +165.90]*"),
    ],
)
def test_intervals_beyond_what_is_possible_are_marked(low: float, high: float, signed: bool, said: str) -> None:
    assert interval(low, high, signed) == said


def test_the_mark_is_explained_where_it_stands(tmp_path: Path) -> None:
    study = corners(seeds=(0, 1), seed_sd=30.0)
    groups = asked(find(read(simulate(tmp_path, study))))
    assert any("]*" in str(line) for group in groups for line in group.lines)
    assert BEYOND_NOTE in groups[-1].reading


def test_equal_means_are_said_to_be_equal() -> None:
    assert (_apart(0.001), _apart(-0.001)) == ("equals", "equals")
    assert (_apart(0.5), _apart(-0.5)) == ("has 0.50 points more than", "has 0.50 points less than")


def test_budgets_are_said_to_be_compared_run_by_run(findings: dict[str, Findings]) -> None:
    assert "run by run" in asked(findings["epochs"])[0].reading
    assert "run by run" not in asked(findings["depth"])[0].reading
