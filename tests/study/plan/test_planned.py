from study.contract.axes import Configuration
from study.plan.planned import Planned, missing, planned_by, runs_of
from study.space import load_study
from tests.study.commands import write_space


def planned(*seeds: int, **axes: object) -> Planned:
    return Planned(Configuration.of(axes), seeds)


def test_a_grid_asks_for_every_combination_with_every_seed(tmp_path):
    text = "name: a\nspace: {num_blocks: {grid: [1, 3]}, lr: {grid: [0.1, 0.2]}}\nseeds: [4, 7]\n"
    plan = planned_by(load_study(write_space(tmp_path, text)))
    assert [(each.configuration.num_blocks, each.configuration.lr) for each in plan] == [
        *((1, 0.1), (1, 0.2)),
        *((3, 0.1), (3, 0.2)),
    ]
    assert {each.seeds for each in plan} == {(4, 7)}
    assert [run.key for run in runs_of(plan)][:3] == [("0000", 4), ("0000", 7), ("0001", 4)]


def test_missing_are_seeds_and_configurations_that_are_not_held():
    held = [planned(0, 1, lr=0.1)]
    assert list(missing([planned(0, 1, lr=0.1)], held)) == []
    assert list(missing([planned(0, 1, 2, lr=0.1), planned(0, lr=0.2)], held)) == [
        planned(2, lr=0.1),
        planned(0, lr=0.2),
    ]


def test_more_epochs_hold_fewer_too_but_not_the_other_way_round():
    short, long = planned(0, epochs=25), planned(0, epochs=51)
    assert list(missing([short], [long])) == []
    assert list(missing([long], [short])) == [long]


def test_seeds_may_be_held_by_several_configurations_together():
    assert list(missing([planned(0, 1, epochs=5)], [planned(0, epochs=9), planned(1, epochs=7)])) == []


def test_another_stage_holds_nothing():
    confirmed = Planned(Configuration(), (0,), "confirm")
    assert list(missing([planned(0)], [confirmed])) == [planned(0)]
