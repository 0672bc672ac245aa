from typing import Any

import pytest

from analysis.question import THRESHOLDS, Declared, parse


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
        (
            {"meaningful_differenc": 2},
            "compare.meaningful_differenc is not a setting (did you mean meaningful_difference?)",
        ),
        ({"colour": 2}, "compare.colour is not a setting (there are across"),
        ({"questions": [{"name": "q", "a": {"lr": 1}, "b": {"lr": 2}, "c": 3}]}, "questions[1].c is not a setting"),
        ({"measure": "best"}, "compare.measure: 'best' is neither final nor {last: K}"),
    ],
)
def test_unusable_entries_become_defaults_and_are_named(compare: Any, said: str) -> None:
    _, problems = parse({"compare": compare})
    assert len(problems) == 1
    assert said in problems[0]


def test_a_slip_in_a_setting_that_is_read_is_named_and_others_are_not_judged() -> None:
    _, problems = parse({"compar": {}, "budget": {"hours": 8}, "resources": {}, "space": {}})
    assert problems == ["study.yaml: compar is not a setting (did you mean compare?); ignored"]


def test_final_values_over_the_last_epochs() -> None:
    assert parse({"compare": {"measure": {"last": 3}}})[0].last == 3
    assert parse({"compare": {"measure": "final"}})[0].last == 1
