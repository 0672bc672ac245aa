from typing import Any

import pytest

from analysis.question import THRESHOLDS, Declared, condition_label, parse, value_label


def test_an_empty_study_has_defaults_and_no_complaints() -> None:
    question, problems = parse({})
    assert problems == []
    assert question.meaningful == 1.0
    assert question.thresholds == THRESHOLDS
    assert (question.across, question.baseline, question.declared) == (None, None, ())
    assert not question.searches


def test_everything_given_is_read() -> None:
    question, problems = parse(
        {
            "question": "Why?",
            "search": {"algorithm": "optuna"},
            "scheduler": {"name": "asha"},
            "compare": {
                "across": "lr",
                "within": None,
                "baseline": {"lr": 0.01},
                "meaningful_difference": 2,
                "thresholds": [60, 40],
                "questions": [{"name": "q", "a": {"lr": 0.1}, "b": {"lr": 0.01}}],
            },
        }
    )
    assert problems == []
    assert question.text == "Why?"
    assert question.selects
    assert question.meaningful == 2.0
    assert question.thresholds == (40.0, 60.0)
    assert question.declared == (Declared("q", {"lr": 0.1}, {"lr": 0.01}),)


def test_random_search_selects_nothing_by_itself() -> None:
    question, _ = parse({"search": {"algorithm": "random"}})
    assert question.searches
    assert not question.selects


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        ([1], "compare is not a mapping"),
        ({"across": "depth"}, "'depth' is not an axis"),
        ({"baseline": {"depth": 3}}, "no such axis: depth"),
        ({"meaningful_difference": -1}, "not a number above 0"),
        ({"meaningful_difference": True}, "not a number above 0"),
        ({"thresholds": "all"}, "not a list of percents"),
        ({"questions": [{"a": {"lr": 1}}]}, "does not say what to compare"),
    ],
)
def test_unusable_entries_become_defaults_and_are_named(compare: Any, said: str) -> None:
    _, problems = parse({"compare": compare})
    assert len(problems) == 1
    assert said in problems[0]


def test_labels() -> None:
    point = {"block": "conv", "num_blocks": 1, "batch_norm": False, "lr": 0.001, "epochs": 25}
    assert condition_label(point, ("num_blocks", "batch_norm")) == "1 block, no batch norm"
    assert condition_label(point, ()) == "conv, 1 block, no batch norm, lr 0.001, 25 epochs"
    assert value_label("num_blocks", 0) == "0 blocks"
