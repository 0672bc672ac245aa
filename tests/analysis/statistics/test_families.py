import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.question import Declared, Question
from analysis.statistics.families import MOST_DUNNETT, MOST_EXPLORATORY, Pair, comparison_table, pairs

AXES = ("num_blocks", "batch_norm")


def conditions(depths: list[int], norms: tuple[bool, ...] = (False, True)) -> pd.DataFrame:
    rows = [
        {"block": "residual", "num_blocks": d, "batch_norm": n, "lr": 0.01, "epochs": 25} for d in depths for n in norms
    ]
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


def test_baseline_p_values_are_dunnetts(groups: dict[int, list[float]]) -> None:
    result = table(groups, "baseline")
    expected = stats.dunnett(*list(groups.values())[1:], control=groups[0], rng=np.random.default_rng(0))
    assert result["p_adjusted"].tolist() == pytest.approx(list(expected.pvalue))
    assert result["adjustment"].unique().tolist() == ["Dunnett"]
    again = table(groups, "baseline")
    assert again["p_adjusted"].tolist() == result["p_adjusted"].tolist()


def test_dunnett_over_several_baselines_is_multiplied_by_their_number(groups: dict[int, list[float]]) -> None:
    groups |= {number + 4: [v + 0.3 for v in values] for number, values in groups.items()}
    chosen = [Pair("baseline", "", a, b) for b in (0, 4) for a in range(b + 1, b + 4)]
    result = comparison_table(runs(groups), chosen, 1.0)
    one = stats.dunnett(*(groups[i] for i in (1, 2, 3)), control=groups[0], rng=np.random.default_rng(0))
    assert result["p_adjusted"].tolist() == pytest.approx([min(1.0, 2 * p) for p in one.pvalue] * 2)
    groups[7] = [10.0, 10.0, 55.0, 52.0, 10.0]
    mixed = comparison_table(runs(groups), chosen, 1.0)
    assert mixed["adjustment"].unique().tolist() == ["Holm"], "one adjustment for a family"


def test_dunnett_gives_way_where_spreads_differ(groups: dict[int, list[float]]) -> None:
    groups[3] = [10.0, 10.0, 55.0, 52.0, 10.0]  # three of five runs diverged
    result = table(groups, "baseline")
    assert result["adjustment"].unique().tolist() == ["Holm"]
    expected = multipletests(result["p"], method="holm")[1]
    assert result["p_adjusted"].tolist() == pytest.approx(np.asarray(expected))


def test_dunnett_gives_way_to_holm_in_large_families(groups: dict[int, list[float]]) -> None:
    rng = np.random.default_rng(1)
    many = {number: list(rng.normal(50, 1, 3)) for number in range(MOST_DUNNETT + 2)}
    assert table(many, "baseline")["adjustment"].unique().tolist() == ["Holm"]


def test_declared_p_values_are_holms_and_exploratory_ones_benjamini_hochbergs(
    groups: dict[int, list[float]],
) -> None:
    declared, explored = table(groups, "declared"), table(groups, "exploratory")
    p = declared["p"].to_numpy()
    assert declared["p_adjusted"].tolist() == pytest.approx(np.asarray(multipletests(p, method="holm")[1]))
    expected = stats.false_discovery_control(p)
    assert explored["p_adjusted"].tolist() == pytest.approx(np.asarray(expected))


def test_conditions_without_finished_runs_have_no_p_value(groups: dict[int, list[float]]) -> None:
    groups[2] = [np.nan] * 5
    result = table(groups, "declared")
    assert np.isnan(result.loc[1, "p_adjusted"])  # type: ignore[arg-type]
    assert result.loc[1, "n_a"] == 0
    assert result.loc[[0, 2], "p_adjusted"].notna().all()
