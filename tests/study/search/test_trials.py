from optuna.trial import TrialState

from study.contract.axes import Configuration
from study.growth.scores import Score
from study.search.distributions import distributions
from study.search.trials import as_trial
from tests.study.growth.simulate import a_search

SEARCH = "algorithm: optuna, samples: 5"


def score(fate, values, **axes) -> Score:
    return Score("0003", Configuration.of({"epochs": 3, **axes}), "search", fate, values, {0: 1.5})


def test_each_fate_has_its_state_and_a_finite_value(tmp_path):
    study = a_search(tmp_path, SEARCH)
    drawn = distributions(study)
    values = {1: 20.0, 2: 30.0}
    trials = {
        fate: as_trial(study, score(fate, values, num_blocks=2, lr=0.1), drawn)
        for fate in ("running", "completed", "stopped", "diverged")
    }
    assert {fate: trial.state for fate, trial in trials.items()} == {
        "running": TrialState.RUNNING,
        "completed": TrialState.COMPLETE,
        "stopped": TrialState.PRUNED,
        "diverged": TrialState.PRUNED,
    }
    assert trials["completed"].value == 30
    assert trials["stopped"].intermediate_values == values
    # As if ended at its first epoch: TPE ranks what was stopped by how far it came.
    assert trials["diverged"].intermediate_values == {1: 30.0}
    assert as_trial(study, score("failed", {}, num_blocks=2), drawn).state == TrialState.FAIL
    assert trials["stopped"].user_attrs == {"trial_id": "0003", "fate": "stopped", "seed 0": 1.5}
    assert trials["stopped"].params == {"num_blocks": 2, "lr": 0.1}


def test_a_network_without_blocks_has_parameters_that_may_be_drawn(tmp_path):
    space = "block: {choice: [conv]}, num_blocks: {choice: [0, 1]}, lr: 0.1"
    study = a_search(tmp_path, "algorithm: optuna, samples: 2", space=space)
    trial = as_trial(study, score("completed", {1: 2.0}, num_blocks=0, lr=0.1), distributions(study))
    assert trial.params == {"block": "conv", "num_blocks": 0}
