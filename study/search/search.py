"""A search as a plan that grows: it suggests a configuration whenever one more may train."""

from collections.abc import Sequence

from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.search.sampling import Sampler
from study.search.trials import REASON, as_trials, suggested
from study.space import Study


class Search:
    """Asks for ``samples`` different configurations, one after another, each from what is known by then.

    Args:
        study: with an optuna search.
        ledger: holds what was suggested before and how it stands.
    """

    def __init__(self, study: Study, ledger: Ledger) -> None:
        assert study.search.algorithm == "optuna"
        self._study, self._ledger, self._search = study, ledger, study.search
        self._sampler: Sampler | None = None
        self._exhausted = False

    @property
    def finished(self) -> bool:
        """Whether it has asked for all."""
        return self._exhausted or len(suggested(self._ledger)) >= self._search.samples

    def more(self, under_way: int, slots: int) -> Sequence[Planned]:
        """One more configuration, unless as many train as may."""
        if under_way >= (self._search.max_concurrent or slots):
            return ()
        if self._sampler is None:
            self._sampler = Sampler(self._study)
        before = suggested(self._ledger)
        trials = as_trials(self._study, before, self._sampler.drawn)
        try:
            found = self._sampler.suggest(len(before), trials, {score.configuration for score in before})
        except LookupError:
            self._exhausted = True
            return ()
        return [Planned(found, self._study.seed_list, reason=REASON)]
