"""What schedulers decide, and that a later session decides as an undisturbed one; no Ray is started."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.experiment import Trial

from study.contract.axes import Configuration
from study.contract.states import Stage
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import Study, load_study
from study.space.sections import AshaScheduler, MedianScheduler
from study.tuning.schedulers import ConfigurationScheduler, Judge, make_scheduler
from tests.study.commands import write_space
from tests.study.lines import line

EPOCHS = 9
ASHA = "{name: asha, grace_period: 1, reduction_factor: 3}"
SCHEDULERS = [ASHA, "{name: asha, reduction_factor: 2, brackets: 2}", "{name: median, min_samples: 2}"]


def curves(count: int, seed: int) -> np.ndarray:
    """Validation accuracies of so many configurations, a row of nine epochs each, in percent."""
    rng = np.random.default_rng(seed)
    best = rng.uniform(20, 90, (count, 1))
    return np.round(best * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 3)) + rng.normal(0, 2, (count, EPOCHS)), 2)


def test_asha_ends_what_is_below_the_best_third_at_each_rung():
    judge = Judge(AshaScheduler(name="asha", grace_period=1, reduction_factor=3), EPOCHS)
    rungs: dict[int, list[float]] = {1: [], 3: []}
    for number, values in enumerate(curves(30, seed=1)):
        for epoch, value in enumerate(values, start=1):
            there = rungs.get(epoch)
            expected = bool(there) and value < np.percentile(there, 100 * 2 / 3)
            assert judge.ends(f"{number:04d}", epoch, value) == expected
            if there is not None:
                there.append(value)
            if expected:
                break
    assert 20 <= len(judge.stopped) <= 28


def test_the_median_rule_ends_what_is_below_the_median_of_the_others_means():
    judge = Judge(MedianScheduler(name="median", grace_period=2, min_samples=2), EPOCHS)
    others = {"0000": [10.0, 20.0, 30.0], "0001": [20.0, 40.0, 60.0]}
    for name, values in others.items():
        assert not any(judge.ends(name, epoch, value) for epoch, value in enumerate(values, start=1))
    # From the grace period on, the means of the others up to epoch 2 are 20 and 40, so the median is 30.
    assert not judge.ends("0002", 1, 1.0)
    assert judge.ends("0002", 2, 29.0)
    assert not judge.ends("0003", 1, 1.0)
    assert not judge.ends("0003", 2, 30.0)


def test_asked_again_a_judge_answers_alike_and_learns_nothing():
    judge = Judge(AshaScheduler(name="asha", reduction_factor=2), EPOCHS)
    assert not judge.ends("0000", 1, 50.0)
    assert judge.ends("0001", 1, 10.0)
    for _ in range(3):
        assert not judge.ends("0000", 1, 0.0)
        assert judge.ends("0001", 1, 99.0)
    # The median of 50 and 10 alone is 30.
    assert not judge.ends("0002", 1, 31.0)


def test_brackets_are_drawn_without_the_global_generator_and_alike_in_every_session():
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    answers = []
    for _ in range(2):
        judge = Judge(AshaScheduler(name="asha", reduction_factor=2, brackets=3), EPOCHS)
        answers.append([judge.ends(f"{n:04d}", 1, value) for n, value in enumerate(np.linspace(90, 10, 40))])
    assert answers[0] == answers[1]
    assert 0 < sum(answers[0]) < 39  # those of later brackets are not looked at after the first epoch
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]


class Session:
    """A study with two seeds a configuration that trains one epoch after another, without Ray."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        self.clock = 0
        self.reopen()

    def reopen(self) -> None:
        """As after the driver was killed."""
        results = ResultsDirectory(self.folder)
        results.records.mkdir(exist_ok=True)
        self.ledger, problems = open_ledger(results, stop_when_diverged=True)
        assert problems == []
        self.ledger.copy_beginnings()
        scheduler = make_scheduler(self.study, self.ledger)
        assert scheduler is not None
        self.scheduler = scheduler
        self.trials: dict[str, tuple[Trial, Pack]] = {}

    def ask_for(self, number: int, stage: Stage = "explore", seeds: Sequence[int] = (0, 1)) -> None:
        self.ledger.ask_for([Planned(Configuration(lr=0.001 * (number + 1), epochs=EPOCHS), tuple(seeds), stage)])

    def train(self, trial_id: str, value: float, *, before_the_end: Callable[[], None] = lambda: None) -> bool:
        """An epoch of a configuration, as Ray handles it; whether it goes on after that."""
        trial, pack = self.trials.get(trial_id) or self._start(trial_id)
        epoch = self.ledger.runs[pack.runs[0].key].epochs_done + 1
        self.clock += 1
        finished = f"2026-11-27T00:00:{self.clock:09.6f}+00:00"
        seeds = [run.run.seed for run in pack.runs]
        row = line(epoch, seeds, validation=value, finished=finished)
        result: dict[str, Any] = {"lines": [(trial_id, row)]}
        done = epoch == EPOCHS
        stops = not done and self.scheduler.on_trial_result(None, trial, result) == "STOP"
        self.ledger.record({trial_id: [row]})
        before_the_end()
        if done or stops:
            self.scheduler.on_trial_complete(None, trial, {})
            self.ledger.end(pack)
        return not (done or stops)

    def _start(self, trial_id: str) -> tuple[Trial, Pack]:
        runs = [run for run in self.ledger.remaining() if run.trial_id == trial_id]
        (pack,) = self.ledger.form_packs([runs], "session-001")
        self.ledger.start(pack, None)
        names = [{"trial_id": run.trial_id, "seed": run.run.seed} for run in runs]
        trial = Trial("pack", config={"pack": {"pack_id": pack.pack_id, "runs": names}}, stub=True)
        self.trials[trial_id] = trial, pack
        return trial, pack

    def ends(self) -> list[tuple[str, int, str | None]]:
        return [(status.state, status.epochs_done, status.reason) for status in self.ledger.runs.values()]


def study_of(folder: Path, scheduler: str) -> Study:
    text = f"name: a\nspace: {{epochs: {EPOCHS}, lr: {{loguniform: [0.0001, 1]}}}}\nvalidation: 10\nseeds: 2\n"
    return load_study(
        write_space(folder, text + f"search: {{algorithm: random, samples: 12}}\nscheduler: {scheduler}\n")
    )


def run_all(session: Session, values: np.ndarray, *, at_once: int, killed: bool) -> None:
    """Train configurations in the order of the plan, an epoch of each of those that train by turns."""
    waiting, training = list(range(len(values))), list[int]()
    while waiting or training:
        while waiting and len(training) < at_once:
            session.ask_for(waiting[0])
            training.append(waiting.pop(0))
        for number in list(training):
            trial_id = f"{number:04d}"
            epoch = session.ledger.runs[trial_id, 0].epochs_done
            if not session.train(trial_id, values[number, epoch]):
                training.remove(number)
            if killed:
                session.reopen()


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_driver_that_dies_after_every_epoch_changes_no_decision(tmp_path, scheduler, at_once):
    values = curves(12, seed=3)
    sessions = []
    for killed in (False, True):
        folder = tmp_path / str(killed)
        folder.mkdir()
        sessions.append(Session(folder, study_of(folder, scheduler)))
        run_all(sessions[-1], values, at_once=at_once, killed=killed)
    undisturbed, killed = sessions
    assert killed.ends() == undisturbed.ends()
    states = {state for state, _, _ in undisturbed.ends()}
    assert states == {"completed", "stopped"}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path, study_of(tmp_path, ASHA))


class KilledError(Exception):
    pass


def kill() -> None:
    raise KilledError


def test_a_driver_that_dies_before_it_writes_the_end_down_decides_again(session):
    for number, value in enumerate([50.0, 40.0]):
        session.ask_for(number)
        with pytest.raises(KilledError):
            session.train(f"{number:04d}", value, before_the_end=kill)
        session.reopen()
    assert session.ends() == [("interrupted", 1, None)] * 2 + [("stopped", 1, "scheduler")] * 2
    assert [run.trial_id for run in session.ledger.remaining()] == ["0000", "0000"]


def test_what_came_later_does_not_end_what_went_on_before(session):
    for number in (0, 1):
        session.ask_for(number)
    assert session.train("0001", 50.0)
    assert session.train("0000", 60.0)
    session.reopen()
    assert session.ends() == [("interrupted", 1, None)] * 4


def test_a_clock_that_was_set_back_changes_no_decision(session):
    session.ask_for(0)
    session.clock = 50
    session.train("0000", 60.0)
    session.clock = 10
    session.train("0000", 70.0)
    session.reopen()
    session.ask_for(1)
    session.clock = 55
    assert not session.train("0001", 40.0)


def test_seeds_that_are_added_to_a_configuration_that_was_ended_are_not_trained(session):
    for number, value in enumerate([50.0, 40.0]):
        session.ask_for(number)
        session.train(f"{number:04d}", value)
    for number in (0, 1):
        session.ask_for(number, seeds=(0, 1, 2))
    make_scheduler(session.study, session.ledger)
    session.reopen()
    assert session.ledger.runs["0001", 2].state == "stopped"
    assert session.ledger.runs["0000", 2].state == "planned"


def test_runs_that_confirm_a_winner_train_to_their_end(session):
    session.ask_for(0)
    session.ask_for(1, stage="confirm")
    assert session.train("0000", 50.0)
    assert session.train("0001", 1.0)
    session.reopen()
    assert session.ledger.runs["0001", 0].state == "interrupted"


def test_a_run_that_has_diverged_counts_with_its_last_accuracy(session):
    def third_epoch(number: int, first: float | None, second: float) -> str:
        """The answer to an epoch whose accuracies are these; without a first one, that run diverged at 10 % before."""
        session.ask_for(number)
        trial_id = f"{number:04d}"
        trial, _ = session._start(trial_id)
        lost = [line(1, (0,), diverged=True, validation=10.0)] if first is None else []
        session.ledger.record({trial_id: lost})
        rows = [line(3, (1,), validation=second)]
        if first is not None:
            rows.insert(0, line(3, (0,), validation=first))
        return session.scheduler.on_trial_result(None, trial, {"lines": [(trial_id, row) for row in rows]})

    assert third_epoch(0, None, 70.0) == "CONTINUE"
    # Their mean was 40, not 70.
    assert third_epoch(1, 45.0, 45.0) == "CONTINUE"
    # The best third begins at 43.3, and 75 and 10 are 42.5 together.
    assert third_epoch(2, None, 75.0) == "STOP"


def test_without_a_scheduler_there_is_none(tmp_path, session):
    assert make_scheduler(study_of(tmp_path, "{name: none}"), session.ledger) is None


def test_ray_pickles_nothing_of_it(session):
    assert isinstance(session.scheduler, ConfigurationScheduler)
    assert isinstance(session.ledger, Ledger)
    assert session.scheduler.__getstate__() == {}
