import itertools
from pathlib import Path

import numpy as np

from analysis import style
from analysis.figures import final_accuracy, generalisation_gap
from analysis.findings import MOST_DISTINCT, Findings, find
from analysis.results import read
from tests.analysis.simulate import Simulation, corners, simulate


def test_every_run_is_a_point(findings: dict[str, Findings]) -> None:
    found = final_accuracy.info(findings["depth"])
    assert len(found.runs) == 2 * 50
    assert found.ticks == ("1", "3", "5", "10", "20")
    assert found.hues == (False, True)
    with style.theme():
        figure = final_accuracy.draw(found)
    points = sum(np.shape(c.get_offsets())[0] for c in figure.axes[0].collections if hasattr(c, "get_sizes"))
    assert points >= 50
    assert [ax.get_title() for ax in figure.axes] == ["Test", "Training"]


def test_selected_accuracy_is_shown_with_a_validation_set(findings: dict[str, Findings]) -> None:
    assert "selected_accuracy" in final_accuracy.info(findings["validated"]).names
    assert "selected_accuracy" not in final_accuracy.info(findings["depth"]).names


def test_means_have_intervals_where_there_are_seeds(findings: dict[str, Findings]) -> None:
    assert final_accuracy.info(findings["depth"]).table["low"].notna().all()
    assert final_accuracy.info(findings["one_seed"]).table["low"].isna().all()


def test_unfinished_conditions_keep_their_place(findings: dict[str, Findings]) -> None:
    found = final_accuracy.info(findings["killed"])
    assert found.ticks == ("1", "3", "5", "10", "20")
    assert found.runs["place"].max() == 3


def test_gap_is_train_minus_test(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    values = generalisation_gap.info(found).runs["value"]
    assert sorted(values) == sorted(found.runs["train_accuracy"] - found.runs["test_accuracy"])


def test_of_many_groups_the_best_are_shown(tmp_path: Path) -> None:
    space = {"lr": {"grid": [0.001 * (n + 1) for n in range(20)]}, "epochs": 3}
    found = find(read(simulate(tmp_path, Simulation(space=space, seeds=(0, 1)))))
    shown = final_accuracy.info(found)
    assert len(shown.ticks) == MOST_DISTINCT
    means = found.runs.groupby("condition")["test_accuracy"].mean()
    assert set(shown.table["condition"]) == set(means.nlargest(MOST_DISTINCT).index)
    assert "8 more are in the tables" in shown.source


def test_the_ticks_of_several_axes_do_not_lie_on_one_another(tmp_path: Path) -> None:
    space = {"num_blocks": {"grid": [1, 3]}, "batch_norm": {"grid": [False, True]}, "epochs": 3}
    space |= {"lr": {"grid": [0.02, 0.1]}, "momentum": {"grid": [0.0, 0.9]}}
    found = find(read(simulate(tmp_path, Simulation(space=space, seeds=(0, 1)))))
    for figures in (final_accuracy, generalisation_gap):
        with style.theme():
            figure = figures.draw(figures.info(found))
            style.render(figure, "png", dpi=50)
        labels = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
        assert len(labels) == 8
        assert all(left.x1 + 2 < right.x0 for left, right in itertools.pairwise(labels))


def test_intervals_beyond_0_to_100_percent_are_said(findings: dict[str, Findings], tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, corners(seeds=(0, 1), seed_sd=20.0))))
    shown = final_accuracy.info(found)
    assert shown.table["low"].min() < 0
    assert "beyond 0 to 100 %" in shown.source
    assert "beyond" not in final_accuracy.info(findings["depth"]).source
    with style.theme():
        low, high = final_accuracy.draw(shown).axes[0].get_ylim()
    assert low >= -2
    assert high <= 102


def test_a_gap_below_zero_is_possible(findings: dict[str, Findings]) -> None:
    assert "beyond" not in generalisation_gap.info(findings["depth"]).source
