import pytest

from study.contract.axes import Configuration
from study.plan.trials import PlanError, PlannedTrial, longest_first, plan_of
from study.space import load_study
from tests.study.commands import write_space


def test_the_plan_numbers_the_configurations_in_order(tmp_path):
    study = load_study(write_space(tmp_path))
    assert [(t.trial_id, t.configuration.num_blocks) for t in plan_of(study)] == [("0000", 0), ("0001", 1)]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("space: {lr: {loguniform: [0.01, 0.1]}}\nsearch: {algorithm: optuna, samples: 2}\n", "optuna"),
        ("space: {lr: {grid: [0.01, 0.1]}}\nscheduler: {name: asha}\n", "asha"),
    ],
)
def test_what_is_not_there_yet_is_refused(tmp_path, text, key):
    study = load_study(write_space(tmp_path, f"name: a\nvalidation: 100\n{text}"))
    with pytest.raises(PlanError, match=f"{key}: not yet"):
        plan_of(study)


def test_the_longest_trials_start_first():
    def trial(number: int, blocks: int, epochs: int) -> PlannedTrial:
        return PlannedTrial(number, Configuration("residual", blocks, False, 0.01, epochs))

    ordered = longest_first([trial(0, 1, 5), trial(1, 20, 5), trial(2, 1, 50), trial(3, 20, 5)])
    assert [each.number for each in ordered] == [2, 1, 3, 0]
