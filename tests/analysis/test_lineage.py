"""Members of a population: what their networks were trained with, whoever trained them."""

import json
from pathlib import Path

import pytest

from analysis import style
from analysis.axes import Labels
from analysis.figures import convergence, final_accuracy
from analysis.figures.common import NoDataError
from analysis.figures.search import importance, lineage, parallel, slices
from analysis.findings import Findings, find
from analysis.lineage import Stretch, path, perturbed, scheduled, stretches
from analysis.results import read
from study.contract.plan import Move
from tests.analysis.simulate import Simulation, simulate

RATES = {"0000": 0.1, "0001": 0.01, "0002": 0.001}


def move(trial_id: str, source: str, lr: float) -> Move:
    return Move(trial_id=trial_id, source=source, values={"lr": lr, "momentum": 0.9})


# 0002 goes on from 0001, then 0001 from 0000, then 0000 from what 0002 has become.
EXCHANGES = {
    5: [move("0002", "0001", 0.012)],
    10: [move("0001", "0000", 0.08)],
    15: [move("0000", "0002", 0.0096)],
}
MEMBERS = {name: stretches(name, {"lr": lr, "momentum": 0.9}, EXCHANGES, 20) for name, lr in RATES.items()}


def test_a_member_trains_with_the_same_values_between_its_moves() -> None:
    found = [(each.start, each.end, each.source, each.values["lr"]) for each in MEMBERS["0001"]]
    assert found == [(0, 10, None, 0.01), (10, 20, "0000", 0.08)]
    (only,) = stretches("0001", {"lr": 0.01, "momentum": 0.9}, EXCHANGES, 10)  # the exchange is made, nothing trained
    assert (only.end, only.values["lr"]) == (10, 0.01)
    assert perturbed(MEMBERS) == ["lr"]
    assert perturbed({}) == []


def test_the_way_of_a_network_leads_through_the_members_that_trained_it() -> None:
    found = [(each.trial_id, each.start, each.end, each.values["lr"]) for each in path("0000", MEMBERS)]
    assert found == [("0001", 0, 5, 0.01), ("0002", 5, 15, 0.012), ("0000", 15, 20, 0.0096)]
    assert [each.trial_id for each in path("0001", MEMBERS)] == ["0000", "0001"]
    assert path("0001", MEMBERS)[0].end == 10


def test_a_way_begins_where_what_was_before_is_missing() -> None:
    lost = {name: found for name, found in MEMBERS.items() if name != "0001"}
    assert [(each.trial_id, each.start) for each in path("0000", lost)] == [("0002", 5), ("0000", 15)]


def test_a_schedule_is_told_with_its_epochs() -> None:
    said = scheduled("lr", path("0000", MEMBERS), Labels({"lr": 3}))
    assert said == "lr 0.01 → 0.012 from epoch 6 → 0.0096 from epoch 16"
    assert scheduled("lr", [Stretch("0003", 0, 20, None, {"lr": 0.5})], Labels()) == "lr 0.5"


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    study = Simulation(
        name="population",
        configurations=tuple({"lr": lr, "momentum": 0.9, "epochs": 20} for lr in RATES.values()),
        seeds=(0, 1),
        validation=5000,
        search={"algorithm": "random", "samples": 3},
        scheduler={"name": "pbt", "perturbation_interval": 5},
        top=lambda c: 60.0 if c["lr"] == 0.1 else 40.0,
    )
    directory: Path = simulate(tmp_path_factory.mktemp("population"), study)
    with (directory / "plan.jsonl").open("a") as file:
        for epoch, moves in EXCHANGES.items():
            file.write(json.dumps({"event": "exchange", "time": "", "epoch": epoch, "moves": moves}) + "\n")
        file.write('{"event": "exchange", "epoch": 20, "moves": [{"trial_id": "0000"}]}\n')  # not a whole line
    return find(read(directory))


def test_members_are_called_by_the_values_that_their_networks_had(population: Findings) -> None:
    assert list(population.conditions["label"]) == [
        "lr 0.01 → 0.012 from epoch 6 → 0.0096 from epoch 16",
        "lr 0.1 → 0.08 from epoch 11",
        "lr 0.01 → 0.012 from epoch 6",
    ]


def test_the_lineage_is_drawn_and_what_wants_one_value_a_member_is_not(population: Findings) -> None:
    shown = lineage.info(population)
    assert (shown.best, shown.axes) == ("0000", ("lr",))
    assert set(shown.table.loc[shown.table["best"], "trial_id"]) == {"0000", "0001", "0002"}
    assert list(shown.table[shown.table["trial_id"] == "0001"]["source"]) == ["", "0000"]
    with style.theme():
        assert style.render(lineage.draw(shown), "png", dpi=40)
        names = [text for text in lineage.draw(shown).axes[0].texts if text.get_text()]
    assert all(0 <= text.xy[1] <= 1 for text in names)  # pyright: ignore[reportAttributeAccessIssue]
    for module in (slices, parallel, importance, convergence, final_accuracy):
        with pytest.raises(NoDataError, match="the lineage shows them"):
            module.info(population)


def test_other_searches_have_no_lineage(findings: dict[str, Findings]) -> None:
    with pytest.raises(NoDataError, match="population based training alone"):
        lineage.info(findings["search"])
