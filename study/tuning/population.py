"""Population based training on Ray Tune: the population trains from exchange to exchange, a pack a member.

Every pack ends at the epoch of the next exchange, with a checkpoint. The exchange is decided when all have, and written
into plan.jsonl before any member goes on; the next packs begin at the states that it says. Seed k of a member that goes
on from another one's state goes on from that one's seed k. Its record stays its own: a state carries no rows.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from study.contract.states import ENDED
from study.plan.packs import Pack
from study.plan.planned import RunKey
from study.plan.population import Member, Values, boundaries, drawn_axes, moves, origin_of
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.results.run_status import RunStatus
from study.space import Study
from study.space.sections import PERTURBABLE, PbtScheduler
from study.tuning.checkpoints import LostStateError, StateRef, States
from study.tuning.schedulers import explored, mean_accuracy

_log = logging.getLogger(__name__)


class Population:
    """A source of packs (see ``study.growth.supply``): the members of a population, from exchange to exchange.

    Args:
        study: with a pbt scheduler.
        ledger: with all runs that were asked for, and every row that a checkpoint has put back.
        results: the directory, with the checkpoints.
        session: the name under which packs are written down.
        spent: whether the budget is used up, so that nothing new may start.
    """

    def __init__(
        self, study: Study, ledger: Ledger, results: ResultsDirectory, session: str, spent: Callable[[], bool]
    ) -> None:
        assert isinstance(study.scheduler, PbtScheduler)
        self._scheduler, self._draw = study.scheduler, drawn_axes(study)
        self._ledger, self._results, self._session, self._spent = ledger, results, session, spent
        self._epochs = max(map(int, study.axis_values("epochs") or ()))
        self._waiting: deque[Pack] = deque()
        self._under_way: set[str] = set()
        self._tried: set[str] = set()  # trial_ids of members that trained in this session
        self._made_again: set[tuple[RunKey, int]] = set()  # states that were lost

    @property
    def finished(self) -> bool:
        """Whether every pack has been handed out that there will be."""
        if self._spent():
            return True
        self._go_on()
        return not self._waiting and not self._under_way

    def begin(self) -> Sequence[Pack]:
        """The packs that wait now."""
        self._go_on()
        return tuple(self._waiting)

    def next(self) -> Pack | None:
        """The next pack; None where it waits for the others of the population, or there is none."""
        if self._spent():
            return None
        self._go_on()
        if not self._waiting:
            return None
        pack = self._waiting.popleft()
        self._under_way.add(pack.pack_id)
        self._tried.add(pack.runs[0].trial_id)
        return pack

    def ended(self, pack: Pack) -> None:
        """A pack trains no more, whatever became of it."""
        self._under_way.discard(pack.pack_id)

    def _go_on(self) -> None:
        """When all have trained to an exchange, make it, and form the packs that train to the next one."""
        if self._waiting or self._under_way:
            return
        members = explored(self._ledger)
        for boundary in boundaries(self._epochs, self._scheduler.perturbation_interval):
            behind = {name: statuses for name, statuses in members.items() if self._is_behind(name, statuses, boundary)}
            if behind:
                self._waiting.extend(self._packs(behind, boundary))
                return
            if boundary < self._epochs and boundary not in self._ledger.exchanges:
                self._exchange(members, boundary)

    def _is_behind(self, trial_id: str, statuses: Sequence[RunStatus], boundary: int) -> bool:
        """Whether a member is to train to this epoch; one that failed is tried again in a later session."""
        return any(
            status.epochs_done < boundary
            and status.state not in ENDED
            and not (status.state == "failed" and trial_id in self._tried)
            for status in statuses
        )

    def _exchange(self, members: Mapping[str, Sequence[RunStatus]], epoch: int) -> None:
        there = [
            Member(name, accuracy, self._values(name, statuses, epoch))
            for name, statuses in members.items()
            if all(status.epochs_done >= epoch for status in statuses)
            and (accuracy := mean_accuracy(statuses, epoch)) is not None
        ]
        self._ledger.exchange(epoch, moves(there, epoch, self._scheduler, self._draw))

    def _values(self, trial_id: str, statuses: Sequence[RunStatus], epoch: int) -> Values:
        """What a member trains with before this epoch's exchange, or after the last one."""
        planned = statuses[0].planned.run.configuration.as_dict()
        _, changed = origin_of(trial_id, self._ledger.exchanges, epoch)
        return {axis: float(planned[axis]) for axis in PERTURBABLE} | dict(changed)

    def _packs(self, behind: Mapping[str, Sequence[RunStatus]], boundary: int) -> list[Pack]:
        """The packs of members that are behind; where a state that they took over is lost, those that make it again."""
        states = States(self._ledger, self._results)
        parts = [
            _Part([each for each in statuses if each.epochs_done < boundary and each.state not in ENDED], boundary)
            for statuses in behind.values()
        ]
        again = False
        while lost := self._find_states(states, parts):
            parts, again = self._parts_for(lost), True
        if again:
            self._note_again(parts)
        found = []
        groups = [[status.planned for status in part.statuses] for part in parts]
        for part, pack in zip(parts, self._ledger.form_packs(groups, self._session), strict=True):
            values = self._values(pack.runs[0].trial_id, part.statuses, part.until - 1)
            found.append(replace(pack, until=part.until, values=values, states=part.states))
        return found

    def _find_states(self, states: States, parts: Sequence["_Part"]) -> list[LostStateError]:
        lost = []
        for part in parts:
            for status in part.statuses:
                key = status.planned.key
                try:
                    state = states.of_member(key, min(status.epochs_done, part.until - 1))
                except LostStateError as error:
                    lost.append(error)
                    continue
                if state is not None:
                    part.states[key] = state
        return lost

    def _parts_for(self, lost: Sequence[LostStateError]) -> list["_Part"]:
        """What trains to the states that are lost: to the last bit, they are the same again."""
        runs: dict[tuple[str, int], set[RunKey]] = {}
        for each in lost:
            runs.setdefault((each.run[0], each.epoch), set()).add(each.run)
        return [_Part([self._ledger.runs[key] for key in sorted(keys)], epoch) for (_, epoch), keys in runs.items()]

    def _note_again(self, parts: Sequence["_Part"]) -> None:
        """Say which states are made again.

        Raises:
            OSError: one was made again before in this session, and is lost again.
        """
        for part in parts:
            for key in (status.planned.key for status in part.statuses):
                lost = LostStateError(key, part.until)
                if (key, part.until) in self._made_again:
                    raise OSError(f"{lost}, though it was made again in this session")
                self._made_again.add((key, part.until))
                _log.warning("warning: %s; others go on from it, so it is trained again", lost)


@dataclass
class _Part:
    """What is to be a pack: runs of one member, the epoch they train to, and where each goes on from."""

    statuses: list[RunStatus]
    until: int
    states: dict[RunKey, StateRef] = field(default_factory=dict)
