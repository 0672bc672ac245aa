import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis import style
from analysis.figures import epochs_to_accuracy, final_accuracy, generalisation_gap
from analysis.findings import MOST_DISTINCT, Findings, NoDataError, find
from analysis.results import read
from tests.analysis.simulate import Simulation, corners, search, simulate


def test_every_run_is_a_point(findings: dict[str, Findings]) -> None:
    found = final_accuracy.info(findings["depth"])
    assert len(found.runs) == 2 * 50
    assert list(found.places.ticks.values()) == ["1", "3", "5", "10", "20"]
    assert found.places.layout.hues == {False: "no batch norm", True: "batch norm"}
    with style.theme():
        figure = final_accuracy.draw(found)
    points = sum(np.shape(c.get_offsets())[0] for c in figure.axes[0].collections if hasattr(c, "get_sizes"))
    assert points >= 50
    assert [ax.get_title() for ax in figure.axes] == ["Test", "Training"]


def test_selected_accuracy_is_shown_with_a_validation_set(findings: dict[str, Findings]) -> None:
    measures = {n: [p.measure for p in final_accuracy.info(findings[n]).panels] for n in ("validated", "depth")}
    assert measures == {
        "validated": ["test_accuracy", "train_accuracy", "selected_accuracy"],
        "depth": ["test_accuracy", "train_accuracy"],
    }


def test_a_measure_that_no_run_has_gets_no_panel(findings: dict[str, Findings]) -> None:
    """Winners of a search are confirmed without a validation set, which the search itself had."""
    validated = findings["validated"]
    confirmed = replace(validated, runs=validated.runs.assign(selected_accuracy=np.nan))
    assert [panel.title for panel in final_accuracy.info(confirmed).panels] == ["Test", "Training"]


def test_means_have_intervals_where_there_are_seeds(findings: dict[str, Findings]) -> None:
    assert final_accuracy.info(findings["depth"]).table["low"].notna().all()
    assert final_accuracy.info(findings["one_seed"]).table["low"].isna().all()


def test_unfinished_conditions_keep_their_place(findings: dict[str, Findings]) -> None:
    found = final_accuracy.info(findings["killed"])
    assert list(found.places.ticks.values()) == ["1", "3", "5", "10", "20"]
    assert found.runs["place"].max() == 3


def test_gap_is_train_minus_test(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    values = generalisation_gap.info(found).runs["value"]
    assert sorted(values) == sorted(found.runs["train_accuracy"] - found.runs["test_accuracy"])


def test_of_many_groups_the_best_are_shown(tmp_path: Path) -> None:
    space = {"lr": {"grid": [0.001 * (n + 1) for n in range(20)]}, "epochs": 3}
    found = find(read(simulate(tmp_path, Simulation(space=space, seeds=(0, 1)))))
    shown = final_accuracy.info(found)
    assert len(shown.places.ticks) == MOST_DISTINCT
    means = found.runs.groupby("condition")["test_accuracy"].mean()
    assert set(shown.table["condition"]) == set(means.nlargest(MOST_DISTINCT).index)
    assert "8 more are in the tables" in shown.source


def test_the_ticks_of_several_axes_do_not_lie_on_one_another(tmp_path: Path) -> None:
    space = {"num_blocks": {"grid": [1, 3]}, "batch_norm": {"grid": [False, True]}, "epochs": 3}
    space |= {"lr": {"grid": [0.02, 0.1]}, "momentum": {"grid": [0.0, 0.9]}}
    found = find(read(simulate(tmp_path, Simulation(space=space, seeds=(0, 1)))))
    for figures in (final_accuracy, generalisation_gap, epochs_to_accuracy):
        with style.theme():
            figure = figures.draw(figures.info(found))
            style.render(figure, "png", dpi=50)
        labels = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels()]
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
    found = findings["depth"]
    below = found.runs.assign(gap=found.runs["gap"] - 50)
    assert "beyond" not in generalisation_gap.info(replace(found, runs=below)).source


def test_learning_rates_stand_on_a_logarithmic_axis(findings: dict[str, Findings]) -> None:
    ticks = final_accuracy.info(findings["learning_rate"]).places.ticks
    places = np.array(list(ticks))
    rates = np.log10([float(text) for text in ticks.values()])
    assert np.diff(places) / np.diff(places)[0] == pytest.approx(np.diff(rates) / np.diff(rates)[0])


def test_values_too_close_for_a_scale_stand_at_even_distances(tmp_path: Path) -> None:
    study = Simulation(space={"lr": {"grid": [0.01, 0.010001, 0.02, 0.1, 0.5]}}, seeds=(0, 1))
    spots = final_accuracy.info(find(read(simulate(tmp_path, study)))).places
    assert spots.ticks == dict(enumerate(["0.01", "0.010001", "0.02", "0.1", "0.5"]))
    assert spots.title == "Learning rate (not to scale)"


def test_a_line_between_means_passes_over_diverged_runs(findings: dict[str, Findings]) -> None:
    shown = final_accuracy.info(findings["learning_rate"])
    assert (shown.runs["fate"] == "diverged").sum() == 2 * 8
    with style.theme():
        ax = final_accuracy.draw(shown).axes[0]
    line = max(ax.lines, key=lambda line: np.size(line.get_xdata()) * (line.get_linewidth() == 0.8))
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).tolist() == [False] * 5 + [True] * 2


def test_of_a_search_the_confirmed_configurations_are_shown(findings: dict[str, Findings], tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="confirmed nothing"):
        final_accuracy.info(findings["search"])
    found = find(read(simulate(tmp_path, search(12, confirmed=(2, 3)))))
    shown = final_accuracy.info(found)
    assert {found.label(n) for n in shown.table["condition"]} == {found.label(12), found.label(13)}
    assert len(shown.places.layout.hues) == 2


def test_epochs_to_an_accuracy_are_every_run_s(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    shown = epochs_to_accuracy.info(found)
    times = found.times
    assert len(shown.runs) == len(times[times["threshold"].isin(times.loc[times["reached"], "threshold"])])
    assert (shown.runs["fate"] == "not reached").sum() == (~times["reached"]).sum()
    with style.theme():
        figure = epochs_to_accuracy.draw(shown)
        style.render(figure, "png", dpi=50)
    assert all(float(tick).is_integer() for ax in figure.axes for tick in ax.get_yticks())


def test_thresholds_that_nobody_reached_have_no_panel(findings: dict[str, Findings]) -> None:
    shown = epochs_to_accuracy.info(findings["learning_rate"])
    assert [panel.measure for panel in shown.panels] == ["40", "50", "55"]


def test_runs_that_are_parts_of_the_same_count_once(findings: dict[str, Findings]) -> None:
    shown = epochs_to_accuracy.info(findings["epochs"])
    assert shown.runs.groupby("measure")["seed"].apply(list).map(sorted).map(tuple).unique().tolist() == [
        (0, 1, 2, 3, 4)
    ]
    assert set(shown.runs["condition"]) == {2}


def test_the_best_at_the_edge_is_noted(findings: dict[str, Findings]) -> None:
    assert "largest tried (51)" in final_accuracy.info(findings["epochs"]).source
    assert "Note" not in final_accuracy.info(findings["learning_rate"]).source
