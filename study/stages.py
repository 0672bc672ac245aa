"""Seeds added in stages to comparisons that are undecided: ``seeds: {start: 5, most: 40}``."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from study.contract.states import ENDED
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.space import Study


class SeedsInStages:
    """Looks at the study when every run has ended, and asks for more seeds where they may decide something.

    What a look finds, and how the error of 5 % is spent over all looks, is ``analysis.looking``'s business. A look is
    written into plan.jsonl before its seeds are asked for, so that a session that dies in between goes on alike. The
    seeds of a stage are split over all devices, and end together or nearly so; a look itself takes about a second.

    Args:
        study: with seeds in stages.
        ledger: holds the runs, and writes down the looks.
        results: the directory, which a look reads.
    """

    def __init__(self, study: Study, ledger: Ledger, results: ResultsDirectory) -> None:
        assert study.most_seeds is not None
        self._study, self._ledger, self._results = study, ledger, results
        self._more: dict[str, int] | None = None  # what the last look asks for; None before a look at all that has run

    @property
    def finished(self) -> bool:
        """Whether a look has found that no more seeds are worth their time."""
        if self._more is None and self._settled() and self._is_written():
            self._look()
        return self._more is not None and not self._more

    def more(self, under_way: int, slots: int) -> Sequence[Planned]:
        """The seeds of the next stage; nothing while a run has not ended."""
        if under_way or not self._settled():
            return ()
        if self._more is None:
            self._look()
        asked, self._more = self._more or {}, None
        if not asked:
            self._more = {}
        there = self._ledger.by_name
        return [self._further(there[trial_id], count) for trial_id, count in asked.items()]

    def _settled(self) -> bool:
        """Whether every run has ended."""
        return all(status.state in (*ENDED, "failed") for status in self._ledger.runs.values())

    def _is_written(self) -> bool:
        """Whether the directory has the study with these settings, which a look reads there."""
        file = self._results.study
        return file.exists() and file.read_text(encoding="utf-8") == self._study.to_yaml()

    def _look(self) -> None:
        # pandas and scipy take seconds to import, and only a look needs them.
        from analysis.looking import next_seeds

        look = next_seeds(self._results.path)
        if look.line is not None:
            self._ledger.note(look.line)
        self._more = look.more

    def _further(self, planned: Planned, count: int) -> Planned:
        """So many seeds more of a configuration, the smallest that it does not have."""
        new = islice((seed for seed in itertools.count() if seed not in planned.seeds), count)
        return replace(planned, seeds=tuple(new), reason="more seeds")
