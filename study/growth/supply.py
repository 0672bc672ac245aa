"""Packs for the devices, formed when there is room for them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from study.growth.protocol import Growth
from study.plan.packs import Pack
from study.plan.planned import PlannedRun
from study.results.ledger import Ledger

Groups = Sequence[tuple[PlannedRun, ...]]


class PackSource(Protocol):
    """Where packs come from; see ``Supply``."""

    @property
    def finished(self) -> bool:
        """Whether every pack has been handed out that there will be."""
        ...

    def next(self) -> Pack | None:
        """The next pack; None where there is none now."""
        ...

    def ended(self, pack: Pack) -> None:
        """A pack trains no more, whatever became of it."""


class FixedPacks:
    """Packs that are all known beforehand."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._waiting = deque(packs)

    @property
    def finished(self) -> bool:
        """Whether none is left."""
        return not self._waiting

    def next(self) -> Pack | None:
        """The next one."""
        return self._waiting.popleft() if self._waiting else None

    def ended(self, pack: Pack) -> None:
        """Nothing depends on that."""


class Supply:
    """Hands out packs: first of the runs that are left, then of what the growth asks for.

    Args:
        ledger: holds the runs, and is asked for more.
        growth: decides what comes next.
        split: forms packs of runs; see ``study.plan.packs``.
        session: the name under which packs are written down.
        slots: how many packs the devices take at once.
        spent: whether the budget is used up, so that nothing new may start.
    """

    def __init__(
        self,
        ledger: Ledger,
        growth: Growth,
        split: Callable[[Sequence[PlannedRun]], Groups],
        session: str,
        slots: int,
        spent: Callable[[], bool],
    ) -> None:
        self._ledger, self._growth, self._split = ledger, growth, split
        self._session, self._slots, self._spent = session, slots, spent
        self._waiting: deque[Pack] = deque()
        self._under_way: dict[str, Pack] = {}

    @property
    def finished(self) -> bool:
        """Whether every pack has been handed out that there will be."""
        return self._spent() or (not self._waiting and self._growth.finished)

    def begin(self) -> Sequence[Pack]:
        """Form packs of all runs that are left.

        Returns:
            Those that wait now.
        """
        self._form(self._ledger.remaining())
        return tuple(self._waiting)

    def next(self) -> Pack | None:
        """The next pack; None where that waits for one that trains, or nothing is left."""
        if self._spent():
            return None
        if not self._waiting and not self._growth.finished:
            names = {run.trial_id for pack in self._under_way.values() for run in pack.runs}
            wanted = self._growth.more(len(names), self._slots)
            if wanted:
                before = set(self._ledger.runs)
                self._ledger.ask_for(wanted)
                self._form([run for run in self._ledger.remaining() if run.key not in before])
        if not self._waiting:
            return None
        pack = self._waiting.popleft()
        self._under_way[pack.pack_id] = pack
        return pack

    def ended(self, pack: Pack) -> None:
        """A pack trains no more, whatever became of it."""
        self._under_way.pop(pack.pack_id, None)

    def _form(self, runs: Sequence[PlannedRun]) -> None:
        if runs:
            self._waiting.extend(self._ledger.form_packs(self._split(runs), self._session))
