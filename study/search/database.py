"""search.db: a search as an Optuna study, kept up to date while it runs, for optuna-dashboard.

A copy: nothing is read from it. Each session makes it anew from the plan and the records.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from study.contract.records import EpochLine
from study.plan.packs import Pack
from study.results.ledger import Ledger
from study.search.distributions import distributions
from study.search.trials import as_trial, suggested
from study.space import Study


class SearchDatabase:
    """Hears of every change, and writes it to the file.

    Args:
        study: with an optuna search.
        ledger: holds what was suggested and how it stands.
        file: is replaced.
    """

    def __init__(self, study: Study, ledger: Ledger, file: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study, self._ledger = study, ledger
        self._drawn = distributions(study)
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{file}{suffix}").unlink()
        # The file is opened here: within a URL a question mark in its path would begin the settings.
        open_file = partial(sqlite3.connect, file.resolve())
        self._storage = RDBStorage("sqlite://", engine_kwargs={"creator": open_file})
        self._study_id = self._storage.create_new_study([StudyDirection.MAXIMIZE], study.name)
        self._storage.set_study_user_attr(self._study_id, "question", study.question)
        self._trials: dict[str, int] = {}  # Optuna's numbers of trials, by trial_id
        self._epochs: dict[str, int] = {}
        self._ended: set[str] = set()
        self.update()

    def update(self) -> None:
        """Write what has changed."""
        for score in suggested(self._ledger):
            changed = score.fate != "running" or max(score.values, default=0) > self._epochs.get(score.trial_id, -1)
            if score.trial_id in self._ended or not changed:
                continue
            trial = as_trial(self._study, score, self._drawn)
            number = self._trials.get(score.trial_id)
            if number is None:
                number = self._storage.create_new_trial(self._study_id, template_trial=trial)
                self._trials[score.trial_id] = number
            else:
                for epoch, value in trial.intermediate_values.items():
                    if epoch > self._epochs.get(score.trial_id, 0):
                        self._storage.set_trial_intermediate_value(number, epoch, value)
                for name, value in trial.user_attrs.items():
                    self._storage.set_trial_user_attr(number, name, value)
                if trial.state.is_finished():
                    values = None if trial.value is None else [trial.value]
                    self._storage.set_trial_state_values(number, trial.state, values)
            self._epochs[score.trial_id] = max(trial.intermediate_values, default=0)
            if trial.state != TrialState.RUNNING:
                self._ended.add(score.trial_id)

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def started(self, pack: Pack) -> None:
        """A pack began; see ``study.tuning.callback.Listener``."""
        self.update()

    def computing(self, described: Mapping[str, str]) -> None:
        """Nothing that a search shows."""

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None:
        """An epoch ended."""
        self.update()

    def interrupted(self) -> None:
        """Nothing that a search shows."""

    def ended(self, pack: Pack, error: str | None) -> None:
        """A pack ended."""
        self.update()
