"""Figures of comparisons: head to head, forest, interaction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis import style
from analysis.figures import convergence, forest, head_to_head, interaction
from analysis.figures.common import NoDataError
from analysis.findings import Findings, find
from analysis.results import read
from analysis.statistics.comparison import mean_interval, welch_interval
from tests.analysis.simulate import Simulation, corners, simulate


def test_head_to_head_is_the_declared_question(findings: dict[str, Findings]) -> None:
    found = findings["corners"]
    shown = head_to_head.info(found)
    assert shown.labels == (("residual, no batch norm", "conv, batch norm"),)
    row = shown.table[(shown.table["measure"] == "test_accuracy") & (shown.table["epoch"] == 25)]
    runs = found.runs.groupby("condition")["test_accuracy"].apply(np.array)
    assert row["difference"].item() == pytest.approx(runs[0].mean() - runs[3].mean())
    assert (row["low"].item(), row["high"].item()) == pytest.approx(welch_interval(runs[0], runs[3]))


def test_head_to_head_without_a_question_is_the_baseline_s(findings: dict[str, Findings]) -> None:
    shown = head_to_head.info(findings["depth"])
    assert shown.labels == (("10 blocks, batch norm", "10 blocks, no batch norm"),)


def test_head_to_head_of_two_budgets_is_the_gain_of_the_longer_run_by_run(findings: dict[str, Findings]) -> None:
    found = findings["epochs"]
    shown = head_to_head.info(found)
    assert shown.labels == (("51 epochs", "25 epochs"),)
    table = shown.table[shown.table["measure"] == "test_accuracy"]
    assert (table["epoch"].min(), table["epoch"].max()) == (25, 51)
    assert (table.iloc[0][["difference"]] == 0).all()
    runs = found.runs.pivot(index="seed", columns="epochs", values="test_accuracy")
    last = table.iloc[-1]
    assert last["difference"] == pytest.approx((runs[51] - runs[25]).mean())
    assert (last["low"], last["high"]) == pytest.approx(mean_interval((runs[51] - runs[25]).to_numpy()))
    assert table["method"].unique().tolist() == ["paired"]
    assert shown.titles == ("since epoch 25, run by run",)


def test_forest_has_every_comparison_with_its_verdict(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    shown = forest.info(found)
    baseline = found.comparisons[found.comparisons["family"] == "baseline"]
    assert len(found.comparisons) == 29, "with the exploratory ones"
    assert shown.left_out == 20
    assert shown.table["verdict"].tolist() == baseline["verdict"].tolist()
    assert {s.split(",")[0] for s in shown.table["said"]} == {
        *("better by more than 1 point", "worse by more than 1 point", "undecided"),
    }
    with style.theme():
        figure = forest.draw(shown)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "1 block, no batch norm − 10 blocks, no batch norm"


def test_head_to_head_of_single_runs_speaks_of_no_intervals(findings: dict[str, Findings]) -> None:
    shown = head_to_head.info(findings["one_seed"])
    with style.theme():
        figure = head_to_head.draw(shown)
    assert shown.source.endswith("One run a side: no intervals.")
    assert "95 % interval" not in [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_head_to_head_of_a_study_that_declares_nothing_says_so(tmp_path: Path) -> None:
    study = Simulation(space={"lr": {"grid": [0.01, 0.1]}, "epochs": 3}, seeds=(0, 1))
    with pytest.raises(NoDataError, match="declares no comparison"):
        head_to_head.info(find(read(simulate(tmp_path, study))))


def test_the_sides_have_the_colours_of_the_other_figures(findings: dict[str, Findings]) -> None:
    shown, other = head_to_head.info(findings["depth"]), convergence.info(findings["depth"])
    assert shown.looks == ((other.layout.looks[True], other.layout.looks[False]),)


def test_head_to_head_of_many_comparisons_takes_none_at_random(findings: dict[str, Findings]) -> None:
    with pytest.raises(NoDataError, match="none of the comparisons"):
        head_to_head.info(findings["learning_rate"])


def test_an_interaction_has_no_cells_that_do_not_train(tmp_path: Path) -> None:
    study = Simulation(
        space={"lr": {"grid": [0.01, 0.1, 1.0]}, "batch_norm": {"grid": [False, True]}},
        compare={"across": "lr", "within": "batch_norm"},
        diverges=lambda c, seed: c["lr"] >= 1,
    )
    assert interaction.info(find(read(simulate(tmp_path, study)))).places == (0.01, 0.1)


def test_forest_counts_what_it_leaves_out(findings: dict[str, Findings]) -> None:
    shown = replace(forest.info(findings["depth"]), left_out=1)
    with style.theme():
        figure = forest.draw(shown)
    assert any("1 more comparison is in tables/comparisons.csv" in text.get_text() for text in figure.texts)


def test_forest_squeezes_the_ends_for_a_broken_condition(findings: dict[str, Findings]) -> None:
    with style.theme():
        broken = forest.draw(forest.info(findings["learning_rate"]))
        whole = forest.draw(forest.info(findings["corners"]))
    assert broken.axes[0].get_xscale() == "symlog"
    assert whole.axes[0].get_xscale() == "linear"


def test_interaction_is_the_effect_at_each_value(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    shown = interaction.info(found)
    assert shown.places == (1, 3, 5, 10, 20)
    means = found.runs.groupby("condition")["test_accuracy"].mean()
    assert shown.table["difference"].tolist() == pytest.approx([means[2 * i + 1] - means[2 * i] for i in range(5)])


@pytest.mark.parametrize("name", ["single", "search"])
def test_nothing_to_compare(findings: dict[str, Findings], name: str) -> None:
    for module in (head_to_head, forest, interaction):
        with pytest.raises(NoDataError):
            module.info(findings[name])


def test_differences_beyond_100_points_are_said(findings: dict[str, Findings], tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, corners(seeds=(0, 1), seed_sd=30.0))))
    shown = forest.info(found)
    assert shown.table["joint_interval_high"].max() > 100
    assert "beyond ±100 points" in shown.source
    assert "beyond" not in forest.info(findings["depth"]).source
    with style.theme():
        low, high = forest.draw(shown).axes[0].get_xlim()
    assert low >= -104
    assert high <= 104
