import optuna
import pytest
from optuna.trial import TrialState

from study.search.database import SearchDatabase
from tests.study.growth.simulate import a_search, near_a_tenth, opened, run, supplied
from tests.study.lines import line


def test_it_follows_the_search_and_optuna_reads_it(tmp_path):
    study = a_search(tmp_path, "algorithm: optuna, samples: 4, max_concurrent: 1")
    run(study, tmp_path, near_a_tenth, most_epochs=3)
    ledger = opened(study, tmp_path)
    database = SearchDatabase(study, ledger, tmp_path / "search.db")
    stored = optuna.load_study(study_name="a", storage=f"sqlite:///{tmp_path / 'search.db'}")
    assert [trial.state for trial in stored.trials] == [TrialState.COMPLETE]
    supply = supplied(study, ledger, tmp_path)
    pack = supply.next()
    assert pack is not None
    ledger.start(pack, None)
    database.started(pack)
    assert [trial.state for trial in stored.trials][1:] == [TrialState.RUNNING]
    ledger.record({"0001": [line(1, (0, 1), validation=40)]})
    database.epoch(pack, [])
    assert stored.trials[1].intermediate_values == {1: 40}
    assert stored.trials[1].user_attrs["seed 1"] == 40
    ledger.end(pack)
    database.ended(pack, None)
    assert stored.trials[1].state == TrialState.PRUNED
    database.close()


def test_a_path_may_hold_what_a_url_would_take_apart(tmp_path):
    folder = tmp_path / "what? 100 % [é]"
    folder.mkdir()
    study = a_search(folder, "algorithm: optuna, samples: 2")
    ledger = run(study, folder, near_a_tenth)
    SearchDatabase(study, ledger, folder / "search.db").close()
    (folder / "search.db").rename(tmp_path / "plain.db")
    assert len(optuna.load_study(study_name="a", storage=f"sqlite:///{tmp_path / 'plain.db'}").trials) == 2


def test_it_is_made_anew_so_that_nothing_stands_twice(tmp_path):
    study = a_search(tmp_path, "algorithm: optuna, samples: 4")
    ledger = run(study, tmp_path, near_a_tenth)
    for _ in range(2):
        SearchDatabase(study, ledger, tmp_path / "search.db").close()
    stored = optuna.load_study(study_name="a", storage=f"sqlite:///{tmp_path / 'search.db'}")
    of_seeds = [trial.user_attrs["seed 0"] + 0.05 for trial in stored.trials]
    assert [trial.value for trial in stored.trials] == pytest.approx(of_seeds)
    assert len(stored.trials) == 4
