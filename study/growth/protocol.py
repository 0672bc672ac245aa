"""A plan that grows: what decides, while packs train, which runs come next."""

from collections.abc import Sequence
from typing import Protocol

from study.plan.planned import Planned


class Growth(Protocol):
    """Decides what to train next, from what the ledger holds and nothing else; so a later session decides alike."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will be asked for, however the runs that train now end."""
        ...

    def more(self, under_way: int, slots: int) -> Sequence[Planned]:
        """What to train next; nothing where that depends on runs that have not ended.

        Args:
            under_way: configurations that train or wait for a device in this session.
            slots: how many packs the devices take at once.
        """
        ...


class InTurn:
    """One growth after another: the next begins when the one before asks for nothing more."""

    def __init__(self, growths: Sequence[Growth]) -> None:
        self._growths = list(growths)

    @property
    def finished(self) -> bool:
        """Whether every one of them is."""
        return all(growth.finished for growth in self._growths)

    def more(self, under_way: int, slots: int) -> Sequence[Planned]:
        """What the first that is not finished asks for."""
        for growth in self._growths:
            if not growth.finished:
                return growth.more(under_way, slots)
        return ()
