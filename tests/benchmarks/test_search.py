"""Searches that are replayed from a table: what they cost, what they choose, and how they are reckoned."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from benchmarks import search
from benchmarks.kept import Kept, OtherSettingsError
from benchmarks.search import Course, Search
from benchmarks.search_replay import Method
from benchmarks.search_table import FILE, Table, all_configurations, read_table, train_pack
from study.contract.axes import Configuration
from study.contract.runs import Run

EPOCHS = 9
FORMS = ("choice", "loguniform")


def table_of(best: dict[float, float], *, diverged: tuple[float, ...] = ()) -> Table:
    """By learning rate, what residual networks of 1 and 2 blocks reach, conv ones 5 points less; in a straight line.

    Seeds 0 and 1 have one point more and one less, seeds 2 and 3 reach 3 points less on the test images. Learning rates
    that diverge do so in the second epoch, at 10 %.
    """
    configurations = tuple(
        Configuration(block=block, num_blocks=number, lr=lr, epochs=EPOCHS)
        for block in ("residual", "conv")
        for number in (1, 2)
        for lr in best
    )
    last = np.array([best[each.lr] - 5 * (each.block == "conv") for each in configurations])
    means = last[:, None, None] * np.arange(1, EPOCHS + 1) / EPOCHS
    validation = means + np.array([1, -1, 0, 0])[:, None]
    lost: np.ndarray = np.zeros(validation.shape, bool)
    for k, each in enumerate(configurations):
        if each.lr in diverged:
            lost[k, :, 1:], validation[k, :, 1:] = True, 10.0
    test = np.broadcast_to(means - 3, validation.shape)
    return Table(configurations, (0, 1, 2, 3), validation, test, lost)


TABLE = table_of({0.001: 30.0, 0.01: 60.0, 0.1: 90.0, 0.3: 80.0, 1.0: 20.0})


@pytest.mark.parametrize("form", FORMS)
def test_without_a_scheduler_every_configuration_costs_all_its_epochs(form):
    for seeds in (1, 2):
        steps = list(Method("", "random", seeds=seeds).steps(TABLE, form, 50 * seeds, seed=0))
        assert [step.spent for step in steps] == [9 * seeds * count for count in range(1, 7)]


def test_a_search_by_choices_trains_nothing_twice_and_finds_the_best():
    found = search.search_of(Method("", "tpe"), TABLE, "choice", 0, limit=10_000)
    assert len(found.course) == len(TABLE.configurations)
    assert found.course[-1] == (18 * len(TABLE.configurations), 87.0)
    assert found.best == 87.0


def test_a_search_ends_where_nothing_more_is_asked_of_it():
    found = search.search_of(Method("", "random"), TABLE, "loguniform", 0)
    assert search.spent_until(found.course, found.best - min(search.WITHIN)) < max(search.BUDGETS)
    assert found.course[-1][0] == 414  # the first multiple of 18 after the last budget


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_asha_sees_more_configurations_for_the_same_model_epochs(sampler):
    whole = list(Method("", sampler).steps(TABLE, "loguniform", 200, seed=1))
    early = list(Method("", sampler, 3).steps(TABLE, "loguniform", 200, seed=1))
    costs = Counter(np.diff([0, *(step.spent for step in early)]).tolist())
    assert set(costs) <= {2, 6, 18}  # its rungs are at epochs 1, 3 and 9, for two seeds
    assert costs[2]
    assert len(early) > 1.5 * len(whole)


@pytest.mark.parametrize("method", search.METHODS, ids=lambda method: method.name)
def test_the_same_seed_makes_the_same_search(method):
    first, again, other = (list(method.steps(TABLE, "choice", 25, seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first[-2].spent < 25 <= first[-1].spent


def test_runs_that_diverge_cost_no_more_and_win_nothing():
    table = table_of({0.01: 60.0, 1.0: 99.0}, diverged=(1.0,))
    steps = list(Method("", "random").steps(table, "choice", 10_000, seed=0))
    assert Counter(np.diff([0, *(step.spent for step in steps)]).tolist()) == {4: 4, 18: 4}
    winner = steps[-1].winner
    assert winner is not None
    assert winner.lr == 0.01


def test_where_all_has_diverged_there_is_no_winner():
    table = table_of({0.1: 99.0, 1.0: 99.0}, diverged=(0.1, 1.0))
    assert {step.winner for step in Method("", "tpe").steps(table, "choice", 20, seed=0)} == {None}
    assert search.search_of(Method("", "tpe"), table, "choice", 0, limit=20).course[-1][1] == search.CHANCE


def test_ray_tune_alone_takes_one_seed_a_trial_and_the_luckiest_one():
    method = Method("", "tpe", 3, plain=True)
    steps = list(method.steps(TABLE, "choice", 400, seed=0))
    assert set(np.diff([0, *(step.spent for step in steps)])) <= {1, 3, 9}
    lucky = TABLE.validation.copy()
    worse = next(
        k for k, each in enumerate(TABLE.configurations) if each == Configuration(num_blocks=1, lr=0.3, epochs=9)
    )
    lucky[worse, 0] += 15  # of two seeds; the mean stays below the best one's
    lucky[worse, 1] -= 15
    table = Table(TABLE.configurations, TABLE.seeds, lucky, TABLE.test, TABLE.diverged)
    winners = [list(method.steps(table, "choice", 1000, seed))[-1].winner for seed in range(2)]
    assert TABLE.configurations[worse] in winners
    study = [list(Method("", "tpe", 3).steps(table, "choice", 300, seed))[-1].winner for seed in range(2)]
    assert TABLE.configurations[worse] not in study


def test_a_learning_rate_between_two_is_looked_up_at_the_nearest_by_ratio():
    place = TABLE.place_of(Configuration(block="conv", num_blocks=2, lr=0.031, epochs=EPOCHS))
    assert TABLE.configurations[place] == Configuration(block="conv", num_blocks=2, lr=0.01, epochs=EPOCHS)
    place = TABLE.place_of(Configuration(block="conv", num_blocks=2, lr=0.033, epochs=EPOCHS))
    assert TABLE.configurations[place].lr == 0.1


def test_which_seeds_a_search_sees_goes_by_its_number():
    assert len(set(search.ORDERS)) == 12
    assert {frozenset(order) for order in search.ORDERS} == {frozenset(TABLE.seeds)}
    lucky = TABLE.validation.copy()
    lucky[:, 3, :] = 99.0
    table = Table(TABLE.configurations, TABLE.seeds, lucky, TABLE.test, TABLE.diverged)
    ordered = table.reordered((3, 1, 0, 2))
    assert (ordered.validation[:, 0] == 99.0).all()
    assert (ordered.validation[:, 1:] == table.validation[:, [1, 0, 2]]).all()
    method = Method("", "random", seeds=1)
    winners = [
        list(method.steps(table.reordered(order), "choice", 400, 0))[-1].winner
        for order in ((0, 1, 2, 3), (3, 0, 1, 2))
    ]
    assert winners[0] != winners[1]


def searches(*courses: Course) -> list[Search]:
    return [Search("", number, 90.0, course) for number, course in enumerate(courses)]


def test_the_summary_says_when_an_accuracy_was_reached_and_by_how_many():
    slow: Course = [(18, 50.0), (90, 89.5), (180, 89.5)]
    fast: Course = [(2, 88.5), (30, 90.0), (402, 60.0)]
    never: Course = [(18, 50.0)]
    assert search.spent_until(slow, 89.0) == 90
    assert search.spent_until(never, 89.0) == math.inf
    assert [search.accuracy_at(fast, budget) for budget in (1, 50, 402)] == [search.CHANCE, 90.0, 60.0]
    found = {
        "slow": searches(slow, slow, slow),
        "fast": searches(fast, fast, never),
        "never": searches(never, never, never),
    }
    text = search.summary(found, {"slow": "slow", "fast": "slow", "never": "fast"})
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]
    assert cells[0] == ["slow", "90", "3/3", "", "90", "3/3", "", "50.00", "89.50", "89.50", "89.50", "0/3"]
    assert cells[1][:4] == ["fast", "30", "2/3", "3.0 (0.1-3.0)"]
    assert cells[1][4:7] == ["2", "2/3", "45.0 (0.1-45.0)"]
    assert [row[-1] for row in cells] == ["0/3", "1/3", "3/3"]
    assert cells[2][1:7] == ["> 800", "0/3", "", "> 800", "0/3", ""]


def test_every_way_to_search_is_compared_with_random_search_of_as_many_seeds():
    assert search.REFERENCES["TPE + ASHA"] == "random"
    assert search.REFERENCES["one seed: TPE + ASHA"] == search.REFERENCES["Ray Tune alone, TPE + ASHA"]
    assert search.REFERENCES["one seed: TPE + ASHA"] == "one seed: random"
    assert set(search.REFERENCES) == {method.name for method in search.METHODS}


def test_results_are_kept_as_they_come(tmp_path):
    file, settings = tmp_path / "searches.jsonl", {"lr": "choice"}
    first, second = {"number": 0, "course": [[2, 60.0]]}, {"number": 1, "course": [[2, 70.5], [4, 80.0]]}
    Kept(file, settings).add(first)
    with file.open("a") as open_file:
        open_file.write(json.dumps(second)[:-4])  # killed while it wrote
    again = Kept(file, settings)
    assert again.lines == [first]
    again.add(second)
    assert again.lines == Kept(file, settings).lines == [first, second]
    with pytest.raises(OtherSettingsError, match="give another file"):
        Kept(file, {"lr": "loguniform"})
    assert json.loads(file.read_text().splitlines()[0])["versions"]["optuna"]
    assert Kept(None, settings).lines == []


def test_a_later_call_goes_on_with_the_searches_that_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(search, "LIMIT", 20)
    monkeypatch.setattr(search, "METHODS", [Method("random", "random")])
    monkeypatch.setattr(search, "REFERENCES", {"random": "random"})
    file = tmp_path / "searches.jsonl"
    for searches in ("1", "2", "2"):
        monkeypatch.setattr("sys.argv", ["search", "--searches", searches, "--results", str(file)])
        assert search.main() == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert [line["number"] for line in lines] == [0, 1]
    assert "/2" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["search", "--lr", "loguniform", "--results", str(file)])
    assert search.main() == 2


def test_a_table_is_made_of_training():
    runs = [Run(Configuration(num_blocks=1, lr=lr, epochs=2), 0) for lr in (0.01, 0.1)]
    rows = train_pack(runs)
    table = Table.of(rows.sample(frac=1, random_state=0))
    assert table.configurations == tuple(run.configuration for run in runs)
    assert table.validation.shape == (2, 1, 2)
    lines = rows[(rows["lr"] == 0.1) & (rows["epoch"] == 2)]
    assert table.test[1, 0, 1] == lines["test_accuracy"].item() > 0
    with pytest.raises(ValueError, match="not every configuration"):
        Table.of(rows[1:])
    with pytest.raises(ValueError, match="not every configuration"):
        Table.of(rows.iloc[[0, 0, 2, 3]])


def test_the_table_that_comes_with_the_project_is_whole_and_small():
    table = read_table()
    assert set(table.configurations) == set(all_configurations())
    assert table.validation.shape == (192, 4, EPOCHS)
    for accuracies in (table.validation, table.test):
        assert np.isfinite(accuracies).all()
        assert 0 <= accuracies.min() < accuracies.max() <= 100
    assert FILE.stat().st_size < 100_000
    assert "192 configurations" in search.heading(table)
