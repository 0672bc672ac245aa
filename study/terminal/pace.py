"""How fast a session trains, and how long what is left will take; knows the clock only by what it is told."""

from collections import deque
from dataclasses import dataclass

SECONDS_MEASURED = 300.0
FEWEST_EPOCHS = 20


@dataclass(frozen=True)
class _Epoch:
    """An epoch of a pack: when it ended, of how many runs it was, and what it cost (see ``study.plan.packs.cost``)."""

    at: float
    runs: int
    work: float


@dataclass(frozen=True)
class UnderWay:
    """An epoch that a pack trains now: when it began, and how long it takes if it takes as long as the one before."""

    began: float
    seconds: float

    def part(self, now: float) -> float:
        """How much of it should be done; never all of it, since nobody has said so."""
        return min(max(0.0, (now - self.began) / self.seconds), 0.99)


@dataclass
class _PackPace:
    """Of a pack that trains: when its last epoch ended (or the pack began), and how long that took."""

    since: float
    runs: int = 0
    seconds: float | None = None


class Pace:
    """Model-epochs a second, measured over the last minutes, so that an earlier, slower part does not count for ever.

    Args:
        now: seconds on a clock that never goes back; training begins.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._epochs: deque[_Epoch] = deque()
        self._packs: dict[str, _PackPace] = {}

    def began(self, pack: str, now: float) -> None:
        """A pack began, or began again."""
        if not self._packs and not self._epochs:
            self._since = now  # until then nothing could train: Ray was starting processes
        self._packs[pack] = _PackPace(now)

    def epoch(self, pack: str, runs: int, work: float, now: float) -> None:
        """A pack ended an epoch of so many runs, which cost so much together."""
        self._epochs.append(_Epoch(now, runs, work))
        self._packs[pack] = _PackPace(now, runs, now - self._packs[pack].since)
        while len(self._epochs) > FEWEST_EPOCHS and now - self._epochs[0].at > SECONDS_MEASURED:
            self._since = self._epochs.popleft().at

    def ended(self, pack: str) -> None:
        """A pack trains no more."""
        self._packs.pop(pack, None)

    def speed(self) -> float | None:
        """Model-epochs a second of all packs together; None before the first."""
        return self._rate(sum(epoch.runs for epoch in self._epochs))

    def speed_of(self, pack: str) -> float | None:
        """Model-epochs a second of a pack, by its last epoch; None before its first."""
        known = self._packs.get(pack)
        return known.runs / known.seconds if known and known.seconds else None

    def under_way(self, pack: str) -> UnderWay | None:
        """The epoch that a pack trains; None before its first has ended."""
        known = self._packs.get(pack)
        return UnderWay(known.since, known.seconds) if known and known.seconds else None

    def seconds_left(self, work: float, epochs_left: dict[str, int]) -> float | None:
        """How long the rest takes: all the work at the measured speed, but no less than the slowest pack needs.

        Args:
            work: that is left, in the unit of ``epoch``.
            epochs_left: of each pack that trains.

        Returns:
            None before the first epoch.
        """
        speed = self._rate(sum(epoch.work for epoch in self._epochs))
        if speed is None:
            return None
        slowest = max((self._seconds_of(pack) * left for pack, left in epochs_left.items()), default=0.0)
        return max(work / speed, slowest)

    def _seconds_of(self, pack: str) -> float:
        known = self._packs.get(pack)
        return known.seconds if known and known.seconds else 0.0

    def _rate(self, amount: float) -> float | None:
        seconds = self._epochs[-1].at - self._since if self._epochs else 0.0
        return amount / seconds if seconds > 0 else None
