import math
from pathlib import Path

import pytest

from analysis.findings import Findings, find
from analysis.results import read
from analysis.statistics.comparison import MOST_SEEDS
from analysis.words import BEYOND_NOTE, _apart, headline, interval, mean_sd, p_value, points, tally, verdict
from tests.analysis.simulate import Simulation, corners, simulate

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
        (row("larger", 1.2, 3.0), "higher by more than 1 point"),
        (row("larger", -3.0, -1.2), "lower by more than 1 point"),
        (row("smaller", -0.2, 0.3), "smaller than 1 point"),
        (row("undecided", -2, 3, 12), "undecided, about 12 seeds would decide"),
        (
            row("undecided", 0.5, 3, 12),
            "not zero, but whether larger than 1 point is undecided, about 12 seeds would decide",
        ),
        (
            row("undecided", -2, 3, MOST_SEEDS + 1),
            "undecided, no realistic number of seeds would decide",
        ),
        (row("undecided", NAN, NAN, None, "one run"), "undecided (one run)"),
        (row("no data", NAN, NAN, None, "no finished run on one side"), "no data yet (no finished run on one side)"),
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
    assert "points less than conv, batch norm" in str(groups[0].lines[0])
    assert groups[1].heading.startswith("Against residual, no batch norm (53.")
    assert len(groups[1].lines) == 2


def test_unfinished_side_has_no_verdict(findings: dict[str, Findings]) -> None:
    lines = [str(line) for group in headline(findings["killed"]) for line in group.lines]
    assert "3 blocks, batch norm: no data yet (no finished run on one side)" in lines


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


def test_tally_counts_pairs_without_runs_apart(findings: dict[str, Findings]) -> None:
    comparisons = findings["killed"].comparisons
    baseline = comparisons[comparisons["family"] == "baseline"]
    missing = int(((baseline["n_a"] == 0) | (baseline["n_b"] == 0)).sum())
    undecided = int((baseline["verdict"] == "undecided").sum())
    assert missing == 3
    assert baseline.loc[baseline["verdict"] == "undecided", "n_a"].min() > 0
    assert tally(comparisons, 1.0)[0].endswith(f"{undecided} undecided, 3 without data yet")
    assert "without data" not in tally(findings["depth"].comparisons, 1.0)[0]


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
    groups = [group for group in headline(find(read(simulate(tmp_path, study)))) if group.lines]
    for group in groups:
        marked = any("]*" in str(line) for line in group.lines)
        assert marked == (BEYOND_NOTE in group.reading)
        assert marked


def test_the_mark_is_explained_for_a_lone_configuration(tmp_path: Path) -> None:
    (group,) = headline(find(read(simulate(tmp_path, Simulation(seeds=(0, 1), seed_sd=30.0)))))
    assert "]*" in str(group.lines[0])
    assert group.reading == BEYOND_NOTE


def test_many_conditions_that_were_not_compared_are_said_to_be_so(tmp_path: Path) -> None:
    space = {"lr": {"grid": [round(0.001 * (n + 1), 3) for n in range(22)]}, "epochs": 2}
    (group,) = headline(find(read(simulate(tmp_path, Simulation(space=space, seeds=(0, 1))))))
    (line,) = group.lines
    assert str(line).startswith("22 configurations have finished runs and none was compared with another.")
    assert "nothing to compare it with" not in str(line)


def test_equal_means_are_said_to_be_equal() -> None:
    assert (_apart(0.001), _apart(-0.001)) == ("equals", "equals")
    assert (_apart(0.5), _apart(-0.5)) == ("has 0.50 points more than", "has 0.50 points less than")


def test_the_command_that_adds_seeds_follows_what_is_undecided(findings: dict[str, Findings]) -> None:
    last = headline(findings["learning_rate"])[-1]
    needed = findings["learning_rate"].comparisons
    needed = needed[(needed["family"] == "baseline") & (needed["seeds_needed"] <= MOST_SEEDS)]["seeds_needed"]
    seeds = ", ".join(map(str, range(int(needed.max()))))
    expected = f"python -m study.run --space search_spaces/depth.yaml --extend --set 'seeds=[{seeds}]'"
    assert last.command == expected
    assert "more often than 5 %" in last.advice
    assert not any(group.command for group in headline(findings["epochs"])), "everything is decided there"


def test_budgets_are_said_to_be_compared_run_by_run(findings: dict[str, Findings]) -> None:
    assert "run by run" in headline(findings["epochs"])[0].reading
    assert "run by run" not in headline(findings["depth"])[0].reading
