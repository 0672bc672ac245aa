"""What a search chose and confirmed, and what it spent."""

from pathlib import Path

import pytest

from analysis import searching, style
from analysis.figures.common import NoDataError
from analysis.figures.search import rungs, spent
from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import search, simulate

BASELINE, WINNER, LOST, STOPPED = 3, 0, 1, 2


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Four configurations of which the first is chosen, the second diverges, the third is stopped."""
    study = search(
        4,
        stopped={STOPPED: 8},
        confirmed=(BASELINE, WINNER),
        configurations=tuple(
            {"block": "residual", "num_blocks": 3, "lr": lr, "epochs": 25} for lr in (0.1, 0.9, 0.001, 0.01)
        ),
        diverges=lambda c, seed: c["lr"] > 0.5,
        on_divergence="stop",
        top=lambda c: 60.0 if c["lr"] == 0.1 else 50.0,
        compare={"baseline": {"lr": 0.01}},
    )
    directory: Path = simulate(tmp_path_factory.mktemp("search"), study)
    return find(read(directory))


def test_winners_stand_before_the_baseline_with_what_they_were_chosen_by(found: Findings) -> None:
    best, baseline = found.winners
    assert (best.baseline, baseline.baseline) == (False, True)
    explored = found.runs[(found.runs["stage"] == "explore") & (found.runs["lr"] == 0.1)]
    assert best.selected == pytest.approx(explored["validation_accuracy"].mean())
    confirmed = found.runs[(found.runs["stage"] == "confirm") & (found.runs["lr"] == 0.1)]
    assert best.confirmed == tuple(confirmed["test_accuracy"])
    assert best.selected is not None
    assert best.optimism == pytest.approx(best.selected - confirmed["test_accuracy"].mean())
    assert best.spread == pytest.approx(confirmed["test_accuracy"].std())
    table = searching.confirmed_table(found)
    assert list(table["role"]) == ["winner", "baseline"]
    assert list(table["n_search"]) == [3, 3]


def test_a_grid_has_no_winners(findings: dict[str, Findings]) -> None:
    assert findings["depth"].winners == ()
    assert searching.fates(findings["depth"]).empty
    assert searching.lines(findings["depth"]) == []


def test_what_was_spent_is_divided_by_fate(found: Findings) -> None:
    table = spent.info(found).table.set_index("fate")
    trained = found.results.curves
    lost = len(trained[trained["trial_id"] == f"{LOST:04d}"])
    assert 3 * 3 <= lost < 3 * 25  # of three seeds until they diverged
    assert table["model_epochs"].to_dict() == {
        "finished": 2 * 3 * 25,
        "diverged": lost,
        "stopped early": 3 * 8,
        "confirmed": 2 * 3 * 25,
    }
    assert table["share"].sum() == pytest.approx(100)
    with style.theme():
        assert style.render(spent.draw(spent.info(found)), "png", dpi=40)


def test_one_fate_is_no_figure(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, search(3, stopped={}, diverges=lambda c, seed: False))))
    with pytest.raises(NoDataError, match="all 3 configurations had the same fate"):
        spent.info(found)


def test_rungs_show_what_diverged_as_diverged_and_not_beyond_its_end(found: Findings) -> None:
    shown = rungs.info(found)
    ends = shown.ends.set_index("trial_id")
    trained = found.results.curves.groupby("trial_id")["epoch"].max()
    lost = f"{LOST:04d}"
    assert ends.loc[lost, "diverged"]
    assert ends.loc[lost, "epoch"] == trained[lost] < 25
    assert shown.curves.groupby("trial_id")["epoch"].max().to_dict() == trained[list(ends.index)].to_dict()
    assert shown.table["trials"].iloc[-1] == 2
    with style.theme():
        figure = rungs.draw(shown)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["stopped before", "trained to the end", "diverged", "where it stopped"]
