from study.growth.budget import Spending
from study.growth.supply import FixedPacks, Supply
from study.plan.packs import Pack
from tests.study.growth.simulate import a_search, growth, near_a_tenth, opened, run, supplied
from tests.study.lines import line, run_of

TPE = "algorithm: optuna, samples: 6"


def test_fixed_packs_come_in_their_order():
    packs = [Pack("p0000", (run_of(0),)), Pack("p0001", (run_of(1),))]
    source = FixedPacks(packs)
    assert [source.next(), source.next(), source.next()] == [*packs, None]
    assert source.finished


def test_a_search_waits_for_room_and_goes_on_when_a_pack_has_ended(tmp_path):
    study = a_search(tmp_path, TPE)
    ledger = opened(study, tmp_path)
    supply = supplied(study, ledger, tmp_path, slots=2)
    assert supply.begin() == ()
    first, second = supply.next(), supply.next()
    assert first is not None
    assert second is not None
    assert supply.next() is None
    assert not supply.finished
    supply.ended(first)
    third = supply.next()
    assert third is not None
    assert {run.trial_id for pack in (first, second, third) for run in pack.runs} == {"0000", "0001", "0002"}


def test_max_concurrent_holds_whatever_the_devices_take(tmp_path):
    study = a_search(tmp_path, f"{TPE}, max_concurrent: 1")
    ledger = opened(study, tmp_path)
    supply = Supply(
        ledger, growth(study, ledger, tmp_path), lambda runs: [(run,) for run in runs], "s", 8, lambda: False
    )
    packs = [supply.next(), supply.next(), supply.next()]
    assert [pack.runs[0].key if pack else None for pack in packs] == [("0000", 0), ("0000", 1), None]


def test_nothing_new_starts_when_the_budget_is_used_up(tmp_path):
    study = a_search(tmp_path, TPE, "budget: {model_epochs: 4}")
    ledger = opened(study, tmp_path)
    spending = Spending(study, ledger, 0)
    supply = supplied(study, ledger, tmp_path)
    pack = supply.next()
    assert pack is not None
    ledger.start(pack, None)
    ledger.record({"0000": [line(1, (0, 1), validation=1), line(2, (0, 1), validation=1)]})
    supply.ended(pack)
    assert supply.next() is None
    assert supply.finished
    assert spending.words() == "the budget is used up: 4 of 4 model-epochs"


def test_a_budget_of_hours_counts_the_sessions_before(tmp_path):
    study = a_search(tmp_path, TPE, "budget: {hours: 2}")
    ledger = opened(study, tmp_path)
    assert not Spending(study, ledger, 1.9).used_up()
    assert Spending(study, ledger, 2.1).used_up()


def test_runs_that_were_left_come_first(tmp_path):
    study = a_search(tmp_path, f"{TPE}, max_concurrent: 1")
    run(study, tmp_path, near_a_tenth, most_epochs=4)
    ledger = opened(study, tmp_path)
    supply = supplied(study, ledger, tmp_path)
    assert [run.key for pack in supply.begin() for run in pack.runs] == [("0001", 0), ("0001", 1)]


def test_a_shorter_run_asked_for_later_takes_the_beginning_of_a_longer_one(tmp_path):
    study = a_search(
        tmp_path,
        "algorithm: optuna, samples: 2, max_concurrent: 1, points: [{epochs: 3}, {epochs: 2}]",
        space="num_blocks: 1, lr: 0.1, epochs: {choice: [2, 3]}",
    )
    ledger = run(study, tmp_path, near_a_tenth)
    states = {key: (status.state, status.epochs_done) for key, status in ledger.runs.items()}
    assert states["0000", 0] == ("completed", 3)
    assert states["0001", 1] == ("derived", 2)
