"""Rules between the parts of a space file, each with what it says."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from study.space import SpaceError, Study
from study.space.axes import Grid
from study.space.sections import Space
from tests.study.space.texts import SEARCH, STAGES, load


def test_rules_hold_for_a_study_made_in_python_too() -> None:
    space = Space.model_validate({"lr": Grid[float](grid=(0.1, 0.2))})
    assert Study(name="a", space=space).axis_values("lr") == (0.1, 0.2)
    with pytest.raises(ValidationError, match="5 epochs are more than the 3"):
        Study.model_validate(
            {
                "name": "a",
                "space": {"epochs": 3},
                "validation": 10,
                "scheduler": {"name": "pbt", "perturbation_interval": 5},
            }
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("space: {lr: {uniform: [0.1, 1]}}", "space.lr: uniform is drawn by a search: set search.algorithm to random "
         "or optuna (it is grid), or write a grid"),
        (f"space: {{lr: {{grid: [0.1]}}}}\n{SEARCH}", "search.algorithm: random has nothing to draw: give an axis a "
         "choice, randint, uniform or loguniform, or use grid"),
        (f"space: {{lr: {{choice: [0.1]}}}}\n{SEARCH}", "search.samples: 2 is more than the 1 different draws that "
         "there are"),
        ("space: {lr: {grid: [0.1]}}\nvalidation: 9\nsearch: {algorithm: optuna, samples: 1}", "space.lr: optuna draws "
         "from every axis: write choice instead of grid"),
        ("space: {lr: {choice: [0.1]}}\nsearch: {algorithm: optuna, samples: 1}", "validation: should be above 0 "
         "(5000, say): search.algorithm optuna selects by validation accuracy, never by test accuracy"),
        ("space: {lr: {choice: [0.1]}}\nscheduler: {name: median}\nsearch: {algorithm: optuna, samples: 1}",
         "validation: should be above 0 (5000, say): search.algorithm optuna and scheduler.name median select by "
         "validation accuracy, never by test accuracy"),
        ("space: {epochs: 8}\nvalidation: 9\nscheduler: {name: asha, grace_period: 9}", "scheduler.grace_period: 9 "
         "epochs are more than the 8 that a trial has (space.epochs)"),
        ("space: {epochs: 9}\nvalidation: 9\nscheduler: {name: asha, reduction_factor: 3, brackets: 4}",
         "scheduler.brackets: 4 are more than the 3 rungs that there are from 1 to 9 epochs"),
        ("space: {epochs: {randint: [2, 9]}}\nvalidation: 9\nscheduler: {name: asha}\nsearch: {algorithm: random, "
         "samples: 1}", "space.epochs: should give one number of epochs: scheduler.name asha compares trials by epoch"),
        ("configurations: [{epochs: 2}, {epochs: 3}]\nvalidation: 9\nscheduler: {name: median}", "configurations: "
         "should give one number of epochs: scheduler.name median compares trials by epoch"),
        ("space: {num_blocks: {grid: [1, 3]}}\nvalidation: 9\nscheduler: {name: pbt}", "space.num_blocks: should give "
         "num_blocks one value: with pbt lr, momentum and weight_decay may differ"),
        ("space: {lr: {grid: [1, 2]}}\nvalidation: 9\nscheduler: {name: pbt}\ncompare: {across: lr}", "compare.across: "
         "is not for scheduler.name pbt: a member's values change while it trains, so it cannot be compared by them"),
        ("space: {lr: {grid: [1, 2]}}\nvalidation: 9\nscheduler: {name: pbt}\non_divergence: stop", "on_divergence: is "
         "not for scheduler.name pbt: a member that has diverged takes over another one's state"),
        ("space: {}\nseeds: 3\nvalidation: 9\nscheduler: {name: asha}\nresources: {pack: 2}", "resources.pack: should "
         "be auto, or 3 or more: scheduler.name asha needs all seeds of a configuration in a pack"),
        ("space: {}\nstop: {target: 50, plateau: {epochs: 2}}", "validation: should be above 0 (5000, say): "
         "stop.target and stop.plateau select by validation accuracy, never by test accuracy"),
        ("space: {}\ncompare: {across: lr, within: lr}", "compare.within: should be another axis than compare.across "
         "(lr)"),
        ("space: {batch_norm: {grid: [false]}}\ncompare: {baseline: {batch_norm: true}}", "compare.baseline."
         "batch_norm: true is not a value that space.batch_norm has; possible: false"),
        (f"space: {{lr: {{uniform: [0.1, 1]}}}}\n{SEARCH}\ncompare: {{baseline: {{lr: 2}}}}", "compare.baseline.lr: "
         "2.0 is not a value that space.lr has; possible: numbers from 0.1 to 1.0"),
        (f"space: {{epochs: {{randint: [1, 9]}}}}\n{SEARCH}\ncompare: {{baseline: {{epochs: 9}}}}",
         "compare.baseline.epochs: 9 is not a value that space.epochs has; possible: whole numbers from 1 to 8"),
        ("space: {}\ncompare: {questions: [{name: q, a: {num_blocks: 1}, b: {num_blocks: 10}}]}",
         "compare.questions[0].a.num_blocks: 1 is not a value that space.num_blocks has; possible: 10"),
        ("space: {lr: {grid: [1, 2]}}\ncompare: {questions: [{name: q, a: {lr: 1}, b: {lr: 2}}, {name: q, a: {lr: 2}, "
         "b: {lr: 1}}]}", "compare.questions[1].name: an earlier question has this name"),
    ],
)  # fmt: skip
def test_rules_between_the_parts(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SpaceError) as caught:
        load(tmp_path, f"name: a\n{text}\n")
    (problem,) = caught.value.problems
    assert problem.endswith(f": {expected}")


def test_a_rule_says_nothing_where_a_part_it_needs_is_wrong(tmp_path: Path) -> None:
    text = "name: a\nspace: {lr: {uniform: [1, 0.1]}, epochs: {choice: []}}\nsearch: {algorithm: random, samples: 3}\n"
    with pytest.raises(SpaceError) as caught:
        load(tmp_path, text)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{STAGES}seeds: {{start: 8, most: 3}}", "most: should be at least the start, 8"),
        (f"{STAGES}seeds: {{start: 1, most: 3}}", "start"),
        (f"{STAGES}seeds: {{start: 3}}", "most"),
        (f"{STAGES}seeds: three", "or {start: 5, most: 40}"),
        ("name: a\nspace: {}\nseeds: {start: 3, most: 8}", "give compare.baseline or compare.questions"),
        (
            "name: a\nspace: {lr: {uniform: [0.1, 0.2]}}\nseeds: {start: 3, most: 8}\n"
            "search: {algorithm: random, samples: 2}\ncompare: {baseline: {lr: 0.1}}",
            "not within a search",
        ),
    ],
)
def test_stages_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(said)):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("{last: 6}", "6 epochs are more than the 5 that a run has (space.epochs)"),
        ("{last: 0}", "measure.last"),
        ("best", "should be final, or {last: K} for the mean of the last K epochs"),
    ],
)
def test_a_measure_that_cannot_be(tmp_path: Path, measure: str, said: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(said)):
        load(tmp_path, f"name: a\nspace: {{epochs: {{grid: [5, 9]}}}}\ncompare: {{measure: {measure}}}\n")
