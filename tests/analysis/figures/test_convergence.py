from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis import style
from analysis.figures import convergence
from analysis.figures.common import NoDataError, facets
from analysis.findings import Findings, find
from analysis.results import read
from analysis.statistics.comparison import mean_interval
from tests.analysis.simulate import Simulation, search, simulate


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
    assert panels[1].conditions == {False: (2,), True: (3,)}
    assert [p.title for p in facets(findings["corners"])] == ["residual", "conv"]


@pytest.mark.parametrize(("name", "panels"), [("depth", 10), ("corners", 4), ("single", 2), ("learning_rate", 12)])
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


def test_of_a_search_that_stopped_early_another_figure_shows_the_curves(findings: dict[str, Findings]) -> None:
    with pytest.raises(NoDataError, match="early stopping shows"):
        convergence.info(findings["search"])


def test_many_configurations_get_an_overview(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, search(40, stopped={}))))
    with pytest.raises(NoDataError, match="by epoch alone"):
        convergence.info(slower(found, "seconds"), "seconds")
    shown = convergence.info(found)
    assert shown.facets == ()
    assert len(shown.best) == 5
    validation = found.runs.groupby("condition")["validation_accuracy"].mean()
    assert shown.best[0] == validation.idxmax()


@pytest.mark.parametrize("amount", ["iterations", "seconds"])
def test_other_amounts_along_the_axis(findings: dict[str, Findings], amount: str) -> None:
    found = slower(findings["depth"], amount)
    with style.theme():
        figure = convergence.draw(convergence.info(found, amount))
    labels = {ax.get_xlabel() for ax in figure.axes} - {""}
    assert labels == {convergence.AMOUNTS[amount]}
    lines = [line for line in figure.axes[0].lines if np.size(line.get_xdata())]
    last = found_last(found, amount)
    assert max(np.max(line.get_xdata()) for line in lines) == pytest.approx(last)


def slower(found: Findings, amount: str, times: int = 2) -> Findings:
    """The study with batch norm costing `times` as much of an amount as without."""
    plain = found.curves["epoch"] * 100
    return replace(
        found, curves=found.curves.assign(**{amount: plain.where(~found.curves["batch_norm"], times * plain)})
    )


@pytest.mark.parametrize(("amount", "reason"), [("iterations", "as many steps"), ("seconds", "1.0 times as long")])
def test_amounts_that_go_with_the_epochs_are_left_out(findings: dict[str, Findings], amount: str, reason: str) -> None:
    with pytest.raises(NoDataError, match=reason):
        convergence.info(slower(findings["depth"], amount, times=1), amount)


def test_runs_of_more_epochs_go_on_where_those_of_fewer_end(findings: dict[str, Findings]) -> None:
    shown = convergence.info(findings["epochs"])
    assert [facet.conditions for facet in shown.facets] == [{"all": (0, 1, 2)}]
    with style.theme():
        figure = convergence.draw(shown)
    lines = [np.asarray(line.get_xdata(), dtype=int).tolist() for line in figure.axes[1].lines]
    spans = [[line[0], line[-1]] for line in lines if len(line) > 1]
    assert spans == [[1, 13], [13, 25], [25, 51]]


def test_few_configurations_that_would_stand_alone_share_a_panel(tmp_path: Path) -> None:
    both = ({"block": "residual", "batch_norm": False}, {"block": "conv", "batch_norm": True})
    for name, study, hues in (
        ("rates", Simulation(space={"lr": {"grid": [0.1, 0.01, 0.03]}, "epochs": 3}), ["lr 0.01", "lr 0.03", "lr 0.1"]),
        ("listed", Simulation(configurations=both), ["residual, no batch norm", "conv, batch norm"]),
    ):
        shown = convergence.info(find(read(simulate(tmp_path / name, study))))
        assert len(shown.facets) == 1
        assert list(shown.layout.hues.values()) == hues


def test_one_epoch_has_no_course(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, Simulation(space={"lr": {"grid": [0.01, 0.1]}, "epochs": 1}))))
    with pytest.raises(NoDataError, match="one epoch"):
        convergence.info(found)


def test_panels_without_a_run_that_trains_are_left_out(findings: dict[str, Findings]) -> None:
    shown = convergence.info(findings["learning_rate"])
    assert "lr 1" not in [facet.title for facet in shown.facets]
    assert "since all runs diverged: lr 1." in shown.source


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
    losses = [ax for place, ax in enumerate(figure.axes) if place // 3 % 2 and ax.axison]
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
    curves["iterations"] *= np.where(curves["lr"] > 0.02, 2, 1)
    runs = found.runs.assign(diverged=True)
    with style.theme():
        figure = convergence.draw(convergence.info(replace(found, curves=curves, runs=runs), "iterations"))
    for above, below in zip(figure.axes[:4], figure.axes[4:8], strict=True):
        assert above.get_xlim() == below.get_xlim()
        assert below.get_xlim()[1] > 2 * 25 * 391
