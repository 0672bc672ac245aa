import json

import pytest

from study.contract.axes import Configuration
from study.plan.planned import Planned
from study.results.paths import ResultsDirectory
from study.results.plan_file import End, PlanFile, read_plan

FIRST, SECOND = Configuration(lr=0.1), Configuration(lr=0.2)


@pytest.fixture
def plan(tmp_path) -> PlanFile:
    plan = read_plan(ResultsDirectory(tmp_path))
    plan.add([Planned(FIRST, (0, 1)), Planned(SECOND, (0,))])
    return plan


def content(plan: PlanFile) -> tuple[object, ...]:
    return plan.configurations, plan.packs, plan.ends


def test_what_is_asked_for_is_named_in_its_order_and_read_back(plan):
    plan.form([plan.runs[:2], plan.runs[2:]], "session-001")
    plan.end("p0001", [("0001", 0)], End("failed", error="out of memory"))
    plan.end(None, [("0000", 1)], End("stopped", reason="plateau"))
    assert [run.key for run in plan.runs] == [("0000", 0), ("0000", 1), ("0001", 0)]
    assert plan.packs == {"p0000": (("0000", 0), ("0000", 1)), "p0001": (("0001", 0),)}
    assert content(read_plan(plan.results)) == content(plan)


def test_asking_again_writes_nothing(plan):
    before = plan.results.plan.read_bytes()
    plan.add([Planned(SECOND, (0,)), Planned(FIRST, (1, 0))])
    assert plan.results.plan.read_bytes() == before


def test_more_seeds_and_configurations_are_added_and_old_names_stay(plan):
    plan.add([Planned(Configuration(lr=0.05), (5,)), Planned(FIRST, (0, 1, 2))])
    again = read_plan(plan.results)
    assert {name: (each.configuration.lr, each.seeds) for name, each in again.configurations.items()} == {
        "0000": (0.1, (0, 1, 2)),
        "0001": (0.2, (0,)),
        "0002": (0.05, (5,)),
    }


def test_another_stage_of_a_configuration_has_another_name(plan):
    plan.add([Planned(FIRST, (0,), "confirm")])
    assert read_plan(plan.results).configurations["0002"].stage == "confirm"


def test_packs_are_counted_over_all_sessions(plan):
    plan.form([plan.runs], "session-001")
    again = read_plan(plan.results)
    assert [pack.pack_id for pack in again.form([plan.runs[:1], plan.runs[1:]], "session-002")] == ["p0001", "p0002"]


def test_a_run_that_failed_is_tried_again_in_a_later_pack(plan):
    plan.form([plan.runs], "session-001")
    plan.end("p0000", [("0000", 0)], End("failed", error="killed"))
    plan.form([plan.runs[:1]], "session-002")
    assert plan.ends == read_plan(plan.results).ends == {}


def test_what_was_adopted_is_written_with_the_next_change_under_a_free_name_where_its_own_is_taken(plan):
    plan.adopt("0000", Planned(Configuration(lr=0.7), (3,)))
    assert len(read_plan(plan.results).configurations) == 2
    plan.add([])
    assert read_plan(plan.results).configurations["0002"].configuration.lr == 0.7


def test_torn_and_foreign_lines_are_left_out(plan):
    with plan.results.plan.open("a") as file:
        file.write(
            '{"event": "nap"}\n{"event": "runs", "trial_id": "0009", "seeds": [1], "reason": ""}\n[]\n{"event": "ru'
        )
    assert content(read_plan(plan.results)) == content(plan)


def test_every_line_says_when(plan):
    lines = [json.loads(text) for text in plan.results.plan.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["configuration", "runs"] * 2
    assert all(line["time"].startswith("20") for line in lines)
