import pytest

from study.contract.axes import Configuration
from study.growth.confirmation import baseline_configuration
from study.growth.scores import ranked, scores
from tests.study.growth.simulate import a_search, growth, near_a_tenth, opened, run

CONFIRM = "confirm: {top: 2, seeds: 3}\ncompare: {baseline: {num_blocks: 10, lr: 0.01}}"
SEARCH = "algorithm: optuna, samples: 5, max_concurrent: 1"


def test_the_best_and_the_baseline_are_trained_again_with_fresh_seeds(tmp_path):
    study = a_search(tmp_path, SEARCH, CONFIRM)
    ledger = run(study, tmp_path, near_a_tenth)
    confirmed = scores(ledger, "confirm")
    assert [score.configuration for score in confirmed[:2]] == [
        score.configuration for score in ranked(scores(ledger))[:2]
    ]
    assert confirmed[2].configuration == Configuration(num_blocks=10, lr=0.01, epochs=3)
    assert [score.reason for score in confirmed] == ["confirm", "confirm", "baseline"]
    assert {seed for (name, seed) in ledger.runs if name >= "0005"} == {10_000, 10_001, 10_002}
    assert growth(study, ledger, tmp_path).finished
    assert growth(study, opened(study, tmp_path), tmp_path).finished


def test_nothing_is_confirmed_before_all_has_been_explored(tmp_path):
    study = a_search(tmp_path, SEARCH, CONFIRM)
    ledger = run(study, tmp_path, near_a_tenth, most_epochs=14)
    assert scores(ledger, "confirm") == []
    assert not growth(study, ledger, tmp_path).finished


@pytest.mark.parametrize("cut", [1, 7, 15, 16, 20, 24])
def test_a_session_that_was_cut_off_is_gone_on_with_as_if_it_had_not_been(tmp_path, cut):
    study = a_search(tmp_path, SEARCH, CONFIRM)
    whole = run(study, tmp_path, near_a_tenth)
    (tmp_path / "cut").mkdir()
    run(study, tmp_path / "cut", near_a_tenth, most_epochs=cut)
    again = run(study, tmp_path / "cut", near_a_tenth)
    assert list(again.runs) == list(whole.runs)
    assert [(s.configuration, s.values) for s in scores(again)] == [(s.configuration, s.values) for s in scores(whole)]
    assert [s.configuration for s in scores(again, "confirm")] == [s.configuration for s in scores(whole, "confirm")]


def test_an_extended_search_keeps_the_winners_that_it_had(tmp_path):
    before = run(a_search(tmp_path, SEARCH, CONFIRM), tmp_path, near_a_tenth)
    first = [score.configuration for score in scores(before, "confirm")]
    longer = a_search(tmp_path, SEARCH.replace("5", "12"), CONFIRM)
    after = run(longer, tmp_path, near_a_tenth)
    assert [score.configuration for score in scores(after, "confirm")][:3] == first
    assert len(scores(after)) == 12


def test_the_baseline_is_completed_by_what_the_space_fixes_and_the_notebook_s_recipe(tmp_path):
    study = a_search(tmp_path, SEARCH, "compare: {baseline: {lr: 0.5}}")
    assert baseline_configuration(study) == Configuration(num_blocks=10, lr=0.5, epochs=3)
