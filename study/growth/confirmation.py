"""The winners again: the best with fresh seeds, on training and validation images, beside the baseline."""

from collections.abc import Sequence

from study.contract.axes import Configuration
from study.contract.states import ENDED
from study.growth.scores import ranked, scores
from study.plan.planned import Planned, missing
from study.results.ledger import Ledger
from study.space import Study
from study.space.rules import FIRST_CONFIRM_SEED


class Confirmation:
    """Asks, when every explored run has ended, for the best ones and the baseline in the stage ``confirm``.

    Selection looks at validation accuracy alone. The winners then train on the images of the search and on those that
    it held out, as the baseline does, with seeds that no explored run had; so what they reach on the test images is
    free of the optimism of being selected.

    Args:
        study: with its ``confirm``.
        ledger: holds the runs.
    """

    def __init__(self, study: Study, ledger: Ledger) -> None:
        assert study.confirm is not None
        self._study, self._ledger, self._confirm = study, ledger, study.confirm
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether all of it has been asked for."""
        if not self._finished and self._explored():
            self._finished = not any(missing(self._wanted(), self._ledger.planned))
        return self._finished

    def more(self, under_way: int, slots: int) -> Sequence[Planned]:
        """The winners and the baseline; nothing while an explored run has not ended."""
        return () if under_way or not self._explored() else self._wanted()

    def _explored(self) -> bool:
        """Whether every explored run has ended."""
        return not any(
            status.planned.stage == "explore" and status.state not in (*ENDED, "failed")
            for status in self._ledger.runs.values()
        )

    def _wanted(self) -> list[Planned]:
        seeds = tuple(range(FIRST_CONFIRM_SEED, FIRST_CONFIRM_SEED + self._confirm.seeds))
        wanted = [Planned(winner, seeds, "confirm", "confirm") for winner in self._winners()]
        baseline = baseline_configuration(self._study)
        if wanted and baseline not in [each.configuration for each in wanted]:
            wanted.append(Planned(baseline, seeds, "confirm", "baseline"))
        return wanted

    def _winners(self) -> list[Configuration]:
        """Those that were chosen before stay chosen, so that an extension of the search only adds to them."""
        before = [score.configuration for score in scores(self._ledger, "confirm") if score.reason == "confirm"]
        best = [score.configuration.canonical() for score in ranked(scores(self._ledger))[: self._confirm.top]]
        return list(dict.fromkeys([*before, *best]))


def baseline_configuration(study: Study) -> Configuration:
    """The baseline in full: its own values, then those that the space fixes, then the notebook's recipe."""
    fixed = {axis: value for axis, value in study.axes.items() if isinstance(value, str | bool | int | float)}
    return Configuration.of(fixed | dict(study.compare.baseline or {})).canonical()
