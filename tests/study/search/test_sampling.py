import math

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.contract.axes import Configuration
from study.growth.scores import scores
from study.search.distributions import parameters_of
from study.search.sampling import Sampler
from study.space import Study
from tests.study.growth.simulate import a_search, near_a_tenth, run

NUMBERS = "lr: {loguniform: [0.001, 1.0]}, momentum: {uniform: [0.0, 0.9]}"


def suggestions(study: Study, count: int, *, anew_at: int | None = None) -> list[Configuration]:
    """So many in turn, each told its value; with a new sampler from one of them on."""
    sampler, trials, taken = Sampler(study), list[FrozenTrial](), list[Configuration]()
    for number in range(count):
        if number == anew_at:
            sampler = Sampler(study)
        found = sampler.suggest(number, trials, set(taken))
        taken.append(found)
        value = -abs(math.log10(found.lr) + 1)
        parameters = parameters_of(study, found)
        trials.append(
            create_trial(state=TrialState.COMPLETE, value=value, params=parameters, distributions=sampler.drawn)
        )
    return taken


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "qmc", "random"])
def test_a_sampler_made_anew_goes_on_as_the_first_would_have(tmp_path, sampler):
    study = a_search(tmp_path, f"algorithm: optuna, samples: 14, sampler: {sampler}", space=NUMBERS)
    whole = suggestions(study, 14)
    assert len(set(whole)) == 14
    for place in (1, 5, 12):
        assert suggestions(study, 14, anew_at=place) == whole


def test_another_seed_suggests_otherwise(tmp_path):
    search = "algorithm: optuna, samples: 4, seed: "
    one, other = (suggestions(a_search(tmp_path, f"{search}{seed}"), 4) for seed in (1, 2))
    assert set(one).isdisjoint(other)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes"])
def test_samplers_that_learn_come_nearer_to_the_best(tmp_path, sampler):
    study = a_search(tmp_path, f"algorithm: optuna, samples: 30, sampler: {sampler}", space=NUMBERS)
    away = [abs(math.log10(each.lr) + 1) for each in suggestions(study, 30)]
    assert sum(away[-8:]) < 0.6 * sum(away[:8])


@pytest.mark.parametrize("sampler", ["tpe", "gp", "qmc", "random"])
def test_no_configuration_is_suggested_twice_and_the_last_ones_are_found(tmp_path, sampler):
    space = "block: {choice: [residual, conv]}, num_blocks: {choice: [0, 1, 2, 3, 4]}, lr: {choice: [0.1, 0.2]}"
    # Without blocks the kind of block changes nothing: 2 x 4 x 2 + 2.
    study = a_search(tmp_path, f"algorithm: optuna, samples: 18, sampler: {sampler}", space=space)
    found = suggestions(study, 18)
    assert len(set(found)) == 18
    with pytest.raises(LookupError):
        Sampler(study).suggest(18, [], set(found))


def test_points_go_first_and_are_completed_by_the_sampler(tmp_path):
    study = a_search(tmp_path, "algorithm: optuna, samples: 6, points: [{lr: 0.25}, {lr: 0.5, num_blocks: 2}]")
    found = suggestions(study, 6)
    assert found[0].lr == 0.25
    assert (found[1].lr, found[1].num_blocks) == (0.5, 2)
    assert all(each.lr not in (0.25, 0.5) for each in found[2:])


def test_a_search_avoids_the_region_where_training_diverges(tmp_path):
    study = a_search(tmp_path, "algorithm: optuna, samples: 60", space="lr: {loguniform: [0.001, 10.0]}")

    def accuracy(configuration: Configuration, seed: int, epoch: int) -> float:
        return 10.0 if configuration.lr > 1 else near_a_tenth(configuration, seed, epoch)

    found = [score.configuration.lr > 1 for score in scores(run(study, tmp_path, accuracy))]
    assert sum(found[-20:]) <= sum(found[:20]) / 2
