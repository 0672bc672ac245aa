from pathlib import Path

from analysis.history import history_of, read_history


def asks(trial: str, *seeds: int) -> dict:
    return {"event": "runs", "trial_id": trial, "seeds": list(seeds), "reason": "grid"}


PACK = {"event": "pack", "pack": "p0000", "runs": []}


def test_a_fixed_number_of_seeds_is_one_look() -> None:
    history = history_of([asks("0000", 0, 1), asks("0001", 0, 1), PACK, PACK])
    assert history.looks == ({"0000": 2, "0001": 2},)
    assert (history.planned, history.path) == (1, ())


def test_seeds_that_were_asked_for_after_training_are_another_look() -> None:
    history = history_of([asks("0000", 0, 1), asks("0001", 0, 1), PACK, asks("0000", 2), asks("0001", 2, 3), PACK])
    assert history.looks == ({"0000": 2, "0001": 2}, {"0000": 3, "0001": 4})
    assert history.seeds["0001"] == (0, 1, 2, 3)


def test_planned_looks_are_lines_of_their_own() -> None:
    look = {"event": "look", "time": "t", "look": 1, "of": 3, "path": [2, 4, 8], "seeds": {"0000": 2}}
    history = history_of([asks("0000", 0, 1), PACK, look, asks("0000", 2, 3), PACK])
    assert history.looks == ({"0000": 2},)
    assert (history.planned, history.path) == (3, (2, 4, 8))
    assert history.seeds["0000"] == (0, 1, 2, 3)


def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_text('{"event": "runs", "trial_id": "0000", "seeds": [0], "reason": "grid"}\n[1]\n{"event": "loo')
    assert read_history(plan).looks == ({"0000": 1},)
    assert read_history(tmp_path / "none").looks == ()
    assert history_of([{"event": "look", "look": 1}, {"event": "runs"}, asks("0000", 0)]).looks == ({"0000": 1},)


def test_what_was_declared_is_what_was_asked_before_the_first_change() -> None:
    first, second = ({"event": "question", "begun": 4, "before": {"meaningful_difference": d}} for d in (1.0, 0.5))
    history = history_of([asks("0000", 0, 1), PACK, first, second, {"event": "question", "before": None}])
    assert history.declared is not None
    assert history.declared.begun == 4
    assert history.declared.compare["meaningful_difference"] == 1
    assert history_of([asks("0000", 0, 1), PACK]).declared is None
