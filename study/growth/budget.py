"""What a study has used of its budget, over all its sessions."""

import time

from study.results.ledger import Ledger
from study.space import Study


class Spending:
    """Compares what was spent with the study's budget.

    Args:
        study: its ``budget`` may be None: then nothing is ever used up.
        ledger: knows the epochs that were trained.
        hours_before: of the sessions before this one, which begins now.
    """

    def __init__(self, study: Study, ledger: Ledger, hours_before: float) -> None:
        self._budget, self._ledger = study.budget, ledger
        self._start = time.monotonic() - 3600 * hours_before

    @property
    def hours(self) -> float:
        """Of all sessions, this one so far among them."""
        return (time.monotonic() - self._start) / 3600

    @property
    def model_epochs(self) -> int:
        """Epochs of a run that were trained; those that are the beginning of another run are not counted twice."""
        families = {self._ledger.family(key) for key in self._ledger.runs}
        return sum(max(self._ledger.runs[run.key].epochs_done for run in family.runs) for family in families)

    def used_up(self) -> bool:
        """Whether nothing new may start."""
        if self._budget is None:
            return False
        hours, epochs = self._budget.hours, self._budget.model_epochs
        return (hours is not None and self.hours >= hours) or (epochs is not None and self.model_epochs >= epochs)

    def words(self) -> str:
        """What was spent of which budget, for the last words of a session."""
        assert self._budget is not None
        said = []
        if self._budget.hours is not None:
            said.append(f"{self.hours:.2g} of {self._budget.hours:g} hours")
        if self._budget.model_epochs is not None:
            said.append(f"{self.model_epochs:,} of {self._budget.model_epochs:,} model-epochs")
        return f"the budget is used up: {' and '.join(said)}"
