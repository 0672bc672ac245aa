"""Figures of searches: history, slices, parallel coordinates, importance, early stopping."""

from pathlib import Path

import numpy as np
import pytest

from analysis import style
from analysis.figures.common import NoDataError
from analysis.figures.search import history, importance, parallel, rungs, slices
from analysis.findings import Findings, find
from analysis.results import read
from analysis.tried import search_trials
from tests.analysis.simulate import Configuration, search, simulate

MODULES = (history, slices, parallel, importance, rungs)


def test_best_so_far_counts_finished_trials_by_validation(findings: dict[str, Findings]) -> None:
    found = findings["search"]
    table, objective = search_trials(found)
    assert objective == "validation_accuracy"
    assert len(table) == 40
    assert table["finished"].sum() == 10
    final = found.runs.groupby("trial_id")["validation_accuracy"].mean()
    assert table["best"].iloc[-1] == pytest.approx(final.max())
    assert table["best"].is_monotonic_increasing


def test_without_validation_nothing_is_best(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, search(6, validation=0, stopped={}))))
    shown = history.info(found)
    assert shown.objective == "test_accuracy"
    with style.theme():
        figure = history.draw(shown)
    assert "best so far" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_slices_have_a_panel_an_axis(findings: dict[str, Findings]) -> None:
    shown = slices.info(findings["search"])
    assert set(shown.categories) == {"block", "num_blocks", "batch_norm"}
    with style.theme():
        figure = slices.draw(shown)
    assert [ax.get_xlabel() for ax in figure.axes][-1] == "Learning rate"
    assert figure.axes[3].get_xscale() == "log"


def test_parallel_coordinates_are_scaled_to_the_axes(findings: dict[str, Findings]) -> None:
    found = findings["search"]
    shown = parallel.info(found)
    values = shown.table[list(shown.axes)].to_numpy()
    assert len(values) == 10
    assert values.min() >= 0
    assert values.max() <= 1
    rates = found.conditions["lr"]
    ended = (
        found.conditions.assign(trial_id=[f"{n:04d}" for n in found.conditions.index])
        .set_index("trial_id")
        .loc[shown.table["trial_id"], "lr"]
    )
    low, high = np.log10(rates.min()), np.log10(rates.max())
    expected = (np.log10(ended.to_numpy(dtype=float)) - low) / (high - low)
    assert shown.table["lr"].tolist() == pytest.approx(list(expected))


def never(c: Configuration, seed: int) -> bool:
    return False


def test_importance_finds_the_axis_that_matters(tmp_path: Path) -> None:
    study = search(
        60,
        stopped={},
        seeds=(0,),
        diverges=never,
        top=lambda c: 50.0 + 12 * c["batch_norm"],
        seed_sd=0.1,
    )
    shown = importance.info(find(read(simulate(tmp_path, study))))
    assert shown.table["axis"].iloc[0] == "batch_norm"
    assert shown.table["importance"].iloc[0] > 0.8
    assert shown.table["importance"].sum() == pytest.approx(1.0)


def test_rungs_count_the_trials_left(findings: dict[str, Findings]) -> None:
    table = rungs.info(findings["search"]).table.set_index("epoch")["trials"]
    assert (table[1], table[2], table[3], table[9], table[25]) == (40, 40, 20, 10, 10)


@pytest.mark.parametrize("module", MODULES)
def test_every_figure_is_drawn_for_a_search_and_left_out_for_a_grid(findings: dict[str, Findings], module) -> None:
    with style.theme():
        assert style.render(module.draw(module.info(findings["search"])), "png", dpi=40)
    with pytest.raises(NoDataError, match="a grid, not a search"):
        module.info(findings["depth"])
