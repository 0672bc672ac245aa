import pytest

from study.contract.axes import Configuration
from study.plan.packs import MOST_ON_A_CPU, cost, pack_id, packed
from study.plan.planned import PlannedRun
from tests.study.lines import run_of


def pack(runs: list[PlannedRun], slots: int = 2, largest: int = MOST_ON_A_CPU) -> list[tuple[PlannedRun, ...]]:
    return packed(runs, {run.key: run.run.configuration.epochs for run in runs}, slots, largest)


def test_every_run_is_in_exactly_one_pack():
    runs = [run_of(n, seed, num_blocks=n % 3, lr=0.1 + n) for n in range(7) for seed in range(5)]
    packs = pack(runs)
    assert sorted(run.key for each in packs for run in each) == sorted(run.key for run in runs)


def test_runs_of_a_pack_share_the_network_and_the_batch_size():
    runs = [
        run_of(n, 0, **axes) for n, axes in enumerate([{"num_blocks": 1}, {"batch_norm": True}, {"batch_size": 64}])
    ]
    assert [len(each) for each in pack(runs, slots=1)] == [1, 1, 1]


def test_learning_rates_seeds_and_numbers_of_epochs_train_side_by_side():
    runs = [run_of(n, seed, lr=lr, epochs=5 + n) for n, lr in enumerate([0.1, 0.2]) for seed in (0, 1)]
    assert len(pack(runs, slots=1)) == 1


def test_one_configuration_with_sixteen_seeds_keeps_both_cores_busy():
    assert [len(each) for each in pack([run_of(0, seed) for seed in range(16)])] == [8, 8]


def test_three_equal_groups_are_split_so_that_no_slot_idles_long():
    packs = pack([run_of(n, seed, num_blocks=n) for n in (5, 6, 7) for seed in range(6)])
    load = [0.0, 0.0]
    for each in packs:
        load[load.index(min(load))] += sum(cost(run.run.configuration) for run in each)
    assert max(load) / min(load) < 1.2


def test_more_slots_than_runs_give_a_pack_to_each_run():
    assert [len(each) for each in pack([run_of(0, seed) for seed in range(3)], slots=8)] == [1, 1, 1]


def test_no_pack_is_larger_than_allowed():
    assert [len(each) for each in pack([run_of(0, seed) for seed in range(10)], slots=1, largest=4)] == [4, 3, 3]


def test_the_most_expensive_packs_come_first():
    packs = pack([run_of(n, 0, num_blocks=blocks) for n, blocks in enumerate([1, 20, 5])])
    assert [each[0].run.configuration.num_blocks for each in packs] == [20, 5, 1]


def test_what_is_left_of_a_run_counts_not_what_it_has_done():
    runs = [run_of(0, 0, num_blocks=20), run_of(1, 0, num_blocks=1)]
    packs = packed(runs, {runs[0].key: 1, runs[1].key: 25}, 1, 16)
    assert packs[0] == (runs[1],)


def test_nothing_to_train_is_no_pack():
    assert pack([]) == []


@pytest.mark.parametrize(("blocks", "batch_norm", "expected"), [(0, False, 1), (10, False, 3), (10, True, 3.5)])
def test_the_cost_of_an_epoch_grows_with_the_blocks(blocks, batch_norm, expected):
    assert cost(Configuration(num_blocks=blocks, batch_norm=batch_norm)) == pytest.approx(expected)


def test_names_of_packs_sort_by_their_number():
    assert [pack_id(number) for number in (0, 12)] == ["p0000", "p0012"]


@pytest.mark.parametrize("slots", [1, 2, 3, 7])
@pytest.mark.parametrize("largest", [1, 4, 16])
def test_packs_of_uneven_runs_are_complete_within_the_size_and_balanced(slots, largest):
    runs = [
        run_of(n, seed, num_blocks=3, lr=1.0 + n, epochs=1 + (7 * n + 3 * seed) % 11)
        for n in range(6)
        for seed in range(5)
    ]
    packs = pack(runs, slots, largest)
    assert sorted(run.key for each in packs for run in each) == sorted(run.key for run in runs)
    assert max(map(len, packs)) <= largest
    load = [0.0] * slots
    for each in packs:
        load[load.index(min(load))] += sum(run.run.configuration.epochs for run in each)
    assert max(load) <= 1.15 * sum(load) / slots + 11
