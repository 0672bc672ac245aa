from dataclasses import replace

import numpy as np
import pytest

from analysis import style
from analysis.figures import convergence
from analysis.figures.common import NoDataError, facets
from analysis.findings import Findings
from analysis.statistics.comparison import mean_interval


def test_means_and_intervals_are_over_seeds(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    table = convergence.info(found).table
    row = table[(table["condition"] == 3) & (table["epoch"] == 7)].set_index("measure")
    curves = found.curves
    values = curves[(curves["condition"] == 3) & (curves["epoch"] == 7)]["test_accuracy"]
    low, high = mean_interval(values.to_numpy())
    shown = row[["mean", "low", "high", "n", "iterations"]].T["test_accuracy"].tolist()
    assert shown == pytest.approx([values.mean(), low, high, 5, 7 * 391])


def test_facets_are_the_depths_and_colours_batch_norm(findings: dict[str, Findings]) -> None:
    panels = facets(findings["depth"])
    assert [p.title for p in panels] == ["1 block", "3 blocks", "5 blocks", "10 blocks", "20 blocks"]
    assert [set(p.conditions) for p in panels] == [{False, True}] * 5
    assert [p.title for p in facets(findings["corners"])] == ["residual", "conv"]


@pytest.mark.parametrize(("name", "panels"), [("depth", 10), ("corners", 4), ("single", 2), ("learning_rate", 14)])
def test_every_panel_is_drawn(findings: dict[str, Findings], name: str, panels: int) -> None:
    with style.theme():
        figure = convergence.draw(convergence.info(findings[name]))
    drawn = [ax for ax in figure.axes if ax.axison]
    assert len(drawn) == panels
    assert all(len(ax.lines) > 0 for ax in drawn)


def test_train_is_dashed_and_test_solid(findings: dict[str, Findings]) -> None:
    with style.theme():
        figure = convergence.draw(convergence.info(findings["single"]))
    assert sorted(line.get_linestyle() for line in figure.axes[0].lines if np.size(line.get_xdata())) == [
        "-",
        "--",
    ]


def test_one_seed_has_no_band_and_says_so(findings: dict[str, Findings]) -> None:
    found = convergence.info(findings["one_seed"])
    assert found.table["low"].isna().all()
    assert "no interval" in found.source


def test_diverged_runs_stay_in_the_mean_and_are_marked(findings: dict[str, Findings]) -> None:
    found = findings["learning_rate"]
    shown = convergence.info(found)
    condition = int(found.conditions.index[found.conditions["lr"] == 0.3][0])
    last = shown.table[(shown.table["condition"] == condition) & (shown.table["epoch"] == 25)]
    rows = last.set_index("measure")[["n", "mean"]].T
    assert rows["test_accuracy"].tolist()[0] == 5
    assert rows["test_accuracy"].tolist()[1] < 30
    assert np.isnan(rows["train_loss"].tolist()[1])
    assert len(shown.diverged) == 3 + 5


def test_many_configurations_get_an_overview(findings: dict[str, Findings]) -> None:
    found = findings["search"]
    shown = convergence.info(found)
    assert shown.facets == ()
    assert len(shown.best) == 5
    validation = found.runs.groupby("condition")["validation_accuracy"].mean()
    assert shown.best[0] == validation.idxmax()


@pytest.mark.parametrize("amount", ["iterations", "seconds"])
def test_other_amounts_along_the_axis(findings: dict[str, Findings], amount: str) -> None:
    with style.theme():
        figure = convergence.draw(convergence.info(findings["depth"], amount))
    labels = {ax.get_xlabel() for ax in figure.axes} - {""}
    assert labels == {convergence.AMOUNTS[amount]}
    lines = [line for line in figure.axes[0].lines if np.size(line.get_xdata())]
    last = found_last(findings["depth"], amount)
    assert max(np.max(line.get_xdata()) for line in lines) == pytest.approx(last)


def found_last(found: Findings, amount: str) -> float:
    depth = found.conditions["num_blocks"].min()
    curves = found.curves[found.curves["num_blocks"] == depth]
    return float(curves.groupby("condition")[amount].max().max())


def test_nothing_trained_yet(findings: dict[str, Findings]) -> None:
    empty = replace(findings["depth"], curves=findings["depth"].curves.head(0))
    with pytest.raises(NoDataError, match="no epoch"):
        convergence.info(empty)


def test_an_exploding_loss_leaves_room_for_the_others(findings: dict[str, Findings]) -> None:
    found = findings["learning_rate"]
    curves = found.curves.copy()
    lost = curves["condition"] == int(found.conditions.index[found.conditions["lr"] == 1.0][0])
    curves.loc[lost & (curves["epoch"] == 1), "train_loss"] = 2.9e32
    with style.theme():
        figure = convergence.draw(convergence.info(replace(found, curves=curves)))
    losses = [ax for place, ax in enumerate(figure.axes) if place // 4 % 2 and ax.axison]
    assert max(ax.get_ylim()[1] for ax in losses) < 10


def test_losses_over_many_orders_are_drawn_on_a_logarithmic_axis(findings: dict[str, Findings]) -> None:
    found = findings["single"]
    curves = found.curves.copy()
    curves.loc[curves["epoch"] == 1, "train_loss"] = 57_000.0
    with style.theme():
        figure = convergence.draw(convergence.info(replace(found, curves=curves)))
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log"]


def test_both_panels_share_the_amounts_where_every_run_diverged(findings: dict[str, Findings]) -> None:
    found = findings["learning_rate"]
    curves = found.curves.assign(train_loss=np.nan, diverged=True)
    runs = found.runs.assign(diverged=True)
    with style.theme():
        figure = convergence.draw(convergence.info(replace(found, curves=curves, runs=runs), "iterations"))
    for above, below in zip(figure.axes[:4], figure.axes[4:8], strict=True):
        assert above.get_xlim() == below.get_xlim()
        assert below.get_xlim()[1] > 25 * 391
