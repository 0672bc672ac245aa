import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.question import Declared, Question
from analysis.statistics.families import MOST_EXPLORATORY, Pair, comparison_table, pairs
from study.contract.axes import Configuration

AXES = ("num_blocks", "batch_norm")


def conditions(depths: list[int], norms: tuple[bool, ...] = (False, True)) -> pd.DataFrame:
    rows = [{"stage": "explore", **Configuration(num_blocks=d, batch_norm=n).as_dict()} for d in depths for n in norms]
    return pd.DataFrame(rows)


def runs(groups: dict[int, list[float]]) -> pd.DataFrame:
    rows = [
        {"condition": number, "seed": seed, "test_accuracy": value}
        for number, values in groups.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_full_baseline_is_compared_with_every_other_condition() -> None:
    question = Question(baseline={"num_blocks": 1, "batch_norm": False})
    chosen, problems = pairs(conditions([1, 3]), AXES, question)
    assert problems == []
    assert [(p.a, p.b) for p in chosen if p.family == "baseline"] == [(1, 0), (2, 0), (3, 0)]
    assert [(p.a, p.b) for p in chosen if p.family == "exploratory"] == [(3, 1), (3, 2)]


def test_partial_baseline_is_the_one_that_shares_the_other_axes() -> None:
    chosen, _ = pairs(conditions([1, 3]), AXES, Question(baseline={"num_blocks": 1}))
    assert [(p.a, p.b) for p in chosen if p.family == "baseline"] == [(2, 0), (3, 1)]


def test_declared_question_is_compared_and_not_asked_twice() -> None:
    declared = Declared("q", {"num_blocks": 3, "batch_norm": True}, {"num_blocks": 1, "batch_norm": False})
    question = Question(baseline={"num_blocks": 1, "batch_norm": False}, declared=(declared,))
    chosen, _ = pairs(conditions([1, 3]), AXES, question)
    assert chosen[0] == Pair("declared", "q", 3, 0)
    assert [(p.a, p.b) for p in chosen if p.family == "baseline"] == [(1, 0), (2, 0)]


def test_question_that_leaves_an_axis_open_is_asked_at_each_of_its_values() -> None:
    question = Question(declared=(Declared("q", {"batch_norm": True}, {"batch_norm": False}),))
    chosen, _ = pairs(conditions([1, 3]), AXES, question)
    assert [(p.a, p.b) for p in chosen if p.family == "declared"] == [(1, 0), (3, 2)]


def test_conditions_that_do_not_exist_are_named() -> None:
    question = Question(baseline={"num_blocks": 7}, declared=(Declared("depth", {"lr": 0.5}, {"lr": 0.1}),))
    chosen, problems = pairs(conditions([1, 3]), AXES, question)
    assert {p.family for p in chosen} == {"exploratory"}
    assert "question 'depth': the study has no such two conditions" in problems
    assert any("num_blocks 7" in p for p in problems)


def test_too_many_exploratory_pairs_are_left_out_and_said() -> None:
    chosen, problems = pairs(conditions(list(range(30))), AXES, Question())
    assert chosen == []
    assert str(MOST_EXPLORATORY) in problems[0]


def test_a_search_is_not_explored_pair_by_pair() -> None:
    chosen, problems = pairs(conditions([1, 3]), AXES, Question(searches=True))
    assert chosen == []
    assert "search" in problems[0]


@pytest.fixture
def groups() -> dict[int, list[float]]:
    rng = np.random.default_rng(5)
    return {number: list(rng.normal(50 + number, 1.0, 5)) for number in range(4)}


def table(groups: dict[int, list[float]], family: str) -> pd.DataFrame:
    chosen = [Pair(family, "", number, 0) for number in groups if number]
    return comparison_table(runs(groups), chosen, 1.0)


@pytest.mark.parametrize("family", ["declared", "baseline"])
def test_adjusted_p_values_agree_with_welch_s_joint_intervals(groups: dict[int, list[float]], family: str) -> None:
    """One method for both: an adjusted p is below 0.05 exactly where the joint interval leaves out 0."""
    rng = np.random.default_rng(3)
    near = {number: list(rng.normal(50 + 0.6 * number, 1.0 + number, 5)) for number in range(6)}
    for values in (groups, near):
        result = table(values, family)
        expected = multipletests(result["p"], method="bonferroni")[1]
        assert result["p_adjusted"].tolist() == pytest.approx(np.asarray(expected))
        beyond = [low > 0 or high < 0 for low, high in result["check_interval"]]
        assert beyond == (result["p_adjusted"] < 0.05).tolist()
    assert result["p_adjusted"].max() == 1.0


def test_conditions_that_differ_in_epochs_alone_are_paired() -> None:
    rows = [{"stage": "explore", **Configuration(epochs=e, lr=lr).as_dict()} for lr in (0.01, 0.1) for e in (25, 51)]
    chosen, _ = pairs(pd.DataFrame(rows), ("lr", "epochs"), Question(baseline={"epochs": 25}))
    assert {(p.a, p.b): p.paired for p in chosen} == {(1, 0): True, (3, 2): True, (2, 0): False, (3, 1): False}
    scheduled = pd.DataFrame(rows).assign(lr_schedule="one_cycle")
    assert not any(p.paired for p in pairs(scheduled, ("lr", "epochs"), Question(baseline={"epochs": 25}))[0])


def test_stages_are_compared_within_themselves() -> None:
    both = pd.concat([conditions([1, 3]), conditions([1, 3]).assign(stage="confirm")], ignore_index=True)
    question = Question(baseline={"num_blocks": 1, "batch_norm": False}, searches=True)
    chosen, _ = pairs(both, (*AXES, "stage"), question)
    assert [(p.a, p.b) for p in chosen if p.family == "baseline"] == [(5, 4), (6, 4), (7, 4)]
    assert [(p.a, p.b) for p in chosen if p.family == "exploratory"] == [(7, 5), (7, 6)], "what was confirmed, alone"


def test_conditions_without_finished_runs_have_no_p_value(groups: dict[int, list[float]]) -> None:
    groups[2] = [np.nan] * 5
    result = table(groups, "declared")
    assert np.isnan(result.loc[1, "p_adjusted"])  # type: ignore[arg-type]
    assert result.loc[1, "n_a"] == 0
    assert result.loc[[0, 2], "p_adjusted"].notna().all()


def test_declared_and_baseline_comparisons_are_one_family_and_exploratory_ones_none(
    groups: dict[int, list[float]],
) -> None:
    chosen = [Pair("declared", "", 1, 0), Pair("baseline", "", 2, 0), Pair("exploratory", "", 3, 0)]
    result = comparison_table(runs(groups), chosen, 1.0)
    assert result["family_size"].tolist() == [2, 2, 0]
    assert result["p_adjusted"].notna().tolist() == [True, True, False]
    assert np.isnan(result.loc[2, "check_interval"]).all()  # type: ignore[arg-type]
