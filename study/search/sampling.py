"""The next configuration of a search: Optuna's samplers, each suggestion a function of the trials before it.

A sampler is made anew for every suggestion, its seed drawn from the study's and the number of the suggestion. So a
search that goes on in another process suggests what it would have suggested without the interruption.
"""

import math
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from study.contract.axes import Configuration
from study.search.distributions import configuration_of, distributions
from study.space import Study

optuna.logging.set_verbosity(optuna.logging.ERROR)

# A suggestion that was trained before is asked for again, from the tenth time on by chance alone. Then listed values
# are gone through.
_TRIES, _TRIES_BY_CHANCE = 10, 200


class Sampler:
    """Suggests configurations.

    Args:
        study: with an optuna search.
    """

    def __init__(self, study: Study) -> None:
        assert study.search.algorithm == "optuna"
        self._study, self._search = study, study.search
        self.drawn = distributions(study)
        self._sequence = _Sequence(self._make, self.drawn, self._search.seed) if self._in_sequence else None

    @property
    def _in_sequence(self) -> bool:
        return self._search.sampler in ("qmc", "cmaes")

    def suggest(self, number: int, trials: Sequence[FrozenTrial], taken: Collection[Configuration]) -> Configuration:
        """The configuration of this number, the first 0; the ``points`` of the space file go first.

        Args:
            number: how many were suggested before.
            trials: those before, as Optuna sees them, in the order in which they were suggested.
            taken: configurations that it must not be.

        Raises:
            LookupError: all that there are have been taken.
        """
        for attempt in range(_TRIES + _TRIES_BY_CHANCE):
            found = configuration_of(self._study, self._draw(number, attempt, trials))
            if found not in taken:
                return found
        return self._any_left(number, taken)

    def _draw(self, number: int, attempt: int, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
        point = self._search.points[number] if number < len(self._search.points) and attempt < _TRIES else {}
        if self._sequence is not None and attempt == 0:
            drawn = self._sequence.suggest(number, trials)
            return {**drawn, **point}
        seed = _seed(self._search.seed, number, attempt)
        by_chance = attempt >= _TRIES or self._sequence is not None
        sampler = RandomSampler(seed) if by_chance else self._make(seed, narrow=attempt > 0)
        study = optuna.create_study(sampler=sampler, direction="maximize")
        study.add_trials(trials)
        if point:
            study.enqueue_trial(point)
        return study.ask(self.drawn).params

    def _make(self, seed: int, *, narrow: bool = False) -> BaseSampler:
        """Optuna's sampler; narrow: TPE takes its first candidate, so that another seed gives another suggestion."""
        with warnings.catch_warnings():
            # What Optuna calls experimental are options and samplers that constraints.txt pins.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return self._made(seed, narrow=narrow)

    def _made(self, seed: int, *, narrow: bool) -> BaseSampler:
        match self._search.sampler:
            case "tpe":
                return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_ei_candidates=1 if narrow else 24)
            case "gp":
                return GPSampler(seed=seed, warn_independent_sampling=False)
            case "cmaes":
                return CmaEsSampler(seed=seed, consider_pruned_trials=True, warn_independent_sampling=False)
            case "qmc":
                return QMCSampler(
                    scramble=True, seed=seed, warn_asynchronous_seeding=False, warn_independent_sampling=False
                )
            case "random":
                return RandomSampler(seed)

    def _any_left(self, number: int, taken: Collection[Configuration]) -> Configuration:
        """One of those that are left, where values are listed: chance would not find the last ones."""
        axes: dict[str, Sequence[Any]] = {}
        for axis, distribution in self.drawn.items():
            if isinstance(distribution, CategoricalDistribution):
                axes[axis] = distribution.choices
            elif isinstance(distribution, IntDistribution):
                axes[axis] = range(distribution.low, distribution.high + 1)
            else:
                raise LookupError("no configuration was found that has not been trained")
        combinations = math.prod(map(len, axes.values()))
        start = int(np.random.default_rng(_seed(self._search.seed, number, 0)).integers(combinations))
        for offset in range(combinations):
            found = configuration_of(self._study, _combination(axes, (start + offset) % combinations))
            if found not in taken:
                return found
        raise LookupError("every configuration of the space has been trained")


class _Sequence:
    """A sampler whose suggestions build on its own earlier ones: those are asked for again, in their order.

    A low-discrepancy sequence counts its points, and CMA-ES keeps the state of its evolution in its trials. Where the
    search was sequential, the trials that were known at each suggestion are all those before it.
    """

    def __init__(self, make: Callable[[int], BaseSampler], drawn: dict[str, BaseDistribution], seed: int) -> None:
        self._study = optuna.create_study(sampler=make(seed), direction="maximize")
        self._drawn = drawn
        self._asked: list[optuna.Trial] = []
        self._told: set[int] = set()

    def suggest(self, number: int, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
        while len(self._asked) <= number:
            self._tell(trials[: len(self._asked)])
            self._asked.append(self._study.ask(self._drawn))
        return self._asked[number].params

    def _tell(self, trials: Sequence[FrozenTrial]) -> None:
        for number, trial in enumerate(trials):
            if number in self._told or not trial.state.is_finished():
                continue
            self._told.add(number)
            asked, value = self._asked[number], trial.value if trial.value is not None else _last(trial)
            # One that was drawn again, being a repetition, says nothing of what had been asked for.
            if value is None or asked.params != trial.params:
                self._study.tell(asked, state=TrialState.FAIL)
            else:
                self._study.tell(asked, value)


def _last(trial: FrozenTrial) -> float | None:
    values = trial.intermediate_values
    return values[max(values)] if values else None


def _combination(axes: dict[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """The combination of this number, counted with the last axis changing fastest."""
    found: dict[str, Any] = {}
    for axis, values in reversed(axes.items()):
        number, place = divmod(number, len(values))
        found[axis] = values[place]
    return found


def _seed(seed: int, number: int, attempt: int) -> int:
    """A seed of its own for each attempt at each suggestion."""
    return int(np.random.SeedSequence([seed, number, attempt]).generate_state(1)[0])
