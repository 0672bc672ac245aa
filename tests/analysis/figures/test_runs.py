"""Figures of single runs: seed spread, timeline."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.figures import seed_spread, timeline
from analysis.figures.common import NoDataError, facets
from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import depth, simulate


def test_seed_spread_is_around_zero_with_its_sd(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    shown = seed_spread.info(found)
    assert shown.runs.groupby("place")["deviation"].mean().abs().max() < 1e-9
    sd = found.runs.groupby("condition")["test_accuracy"].std()
    assert shown.table["sd"].tolist() == pytest.approx(sd[shown.table["condition"]].tolist())
    factor = np.sqrt(4 / stats.chi2.ppf([0.975, 0.025], 4))
    first = shown.table[["low", "high"]].to_numpy()[0]
    assert first.tolist() == pytest.approx((sd.iloc[0] * factor).tolist())


def test_seed_spread_needs_two_seeds(findings: dict[str, Findings]) -> None:
    with pytest.raises(NoDataError, match="one seed"):
        seed_spread.info(findings["one_seed"])


@pytest.mark.parametrize("name", ["depth", "format_1"])
def test_timeline_has_a_bar_a_pack_on_its_device(findings: dict[str, Findings], name: str) -> None:
    found = findings[name]
    shown = timeline.info(found)
    assert shown.lanes == ("node1 cuda:0 (NVIDIA H200)", "node1 cuda:1 (NVIDIA H200)")
    minutes = (shown.table["end"] - shown.table["start"]).sum()
    seconds = found.runs["seconds"].sum()  # the shares of all runs
    assert minutes * 60 == pytest.approx(seconds, rel=1e-3)
    assert 0.9 < shown.busy <= 1


def test_packs_at_once_on_a_device_get_lanes(findings: dict[str, Findings]) -> None:
    from dataclasses import replace

    found = findings["depth"]
    log = found.results.log.assign(device="cuda:0")
    shown = timeline.info(replace(found, results=replace(found.results, log=log)))
    assert shown.lanes == ("node1 cuda:0, place 1", "node1 cuda:0, place 2")
    for _, bars in shown.table.sort_values("start").groupby("lane"):
        assert (bars["start"].to_numpy()[1:] >= bars["end"].to_numpy()[:-1] - 1e-6).all()


def test_a_resumed_pack_has_two_bars(findings: dict[str, Findings]) -> None:
    from dataclasses import replace

    found = findings["single"]
    log = found.results.log.copy()
    log.loc[log["epoch"] > 10, "pid"] = 5000
    shown = timeline.info(replace(found, results=replace(found.results, log=log)))
    assert len(shown.table) == 2
    assert shown.table["end"].min() == pytest.approx(shown.table["start"].max(), abs=1e-3)


def test_configurations_of_one_pack_share_a_bar(tmp_path: Path) -> None:
    """Their lines end at the same moments; a bar each would say that the device was busy three times over."""
    found = find(read(simulate(tmp_path, depth(packed=3, seeds=(0, 1)))))
    shown = timeline.info(found)
    assert len(shown.table) == 4
    assert shown.table["trials"].tolist()[0] == "0 … 2"
    minutes = (shown.table["end"] - shown.table["start"]).sum()
    assert minutes * 60 == pytest.approx(found.runs["seconds"].sum(), rel=1e-3)
    for _, bars in shown.table.sort_values("start").groupby("lane"):
        assert (bars["start"].to_numpy()[1:] >= bars["end"].to_numpy()[:-1] - 1e-6).all()


def test_derived_runs_have_no_bar(findings: dict[str, Findings]) -> None:
    shown = timeline.info(findings["epochs"])
    assert shown.table["trials"].tolist() == ["2"]


def test_several_stages_are_kept_apart_in_every_figure(tmp_path: Path) -> None:
    study = depth(seeds=(0, 1), confirmed=(2, 3))
    found = find(read(simulate(tmp_path, study)))
    assert len(found.conditions) == 12
    shown = seed_spread.info(found)
    assert "3 blocks, batch norm" in shown.table["configuration"].tolist()
    titles = [facet.title for facet in facets(found)]
    assert titles.count("3 blocks, explored") == titles.count("3 blocks, confirmed") == 1
