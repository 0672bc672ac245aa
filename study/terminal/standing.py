"""Where a session stands: what trains, what is best so far, and how much is left; without a word about its looks."""

import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from study.contract.axes import AXES, Configuration, digits_apart
from study.contract.states import ENDED
from study.plan.packs import Pack, cost
from study.plan.planned import RunKey
from study.results.ledger import Ledger, RunStatus
from study.terminal.pace import Pace, UnderWay
from study.terminal.phrasing import distinguish

Measure = Literal["train_loss", "train_accuracy", "validation_accuracy", "test_accuracy"]


@dataclass(frozen=True)
class Spread:
    """Values of several runs: mean, standard deviation (None of one run), and how many runs."""

    mean: float
    sd: float | None
    runs: int


@dataclass(frozen=True)
class Row:
    """Runs of one configuration that train now.

    Attributes:
        trial_id: of the configuration.
        words: what tells it from the others.
        seeds: of these runs.
        epochs: done by the run that is the furthest behind.
        planned: epochs of a run.
        loss: mean of the last epoch's training loss.
        train: training accuracy after the last epoch, percent; so are the next two.
        validation: where there is a validation set.
        test: on the test set.
        diverged: how many of the runs have.
        speed: model-epochs a second of these runs together.
        under_way: the next epoch, of the pack that is the furthest behind; None where it cannot be foreseen.
    """

    trial_id: str
    words: str
    seeds: tuple[int, ...]
    epochs: int
    planned: int
    loss: Spread | None
    train: Spread | None
    validation: Spread | None
    test: Spread | None
    diverged: int
    speed: float | None
    under_way: UnderWay | None


@dataclass(frozen=True)
class Best:
    """The configuration that leads so far among those with runs that have all their epochs."""

    words: str
    measure: Literal["validation", "test"]
    value: Spread


@dataclass(frozen=True)
class Standing:
    """All that is shown.

    Attributes:
        model_epochs: done, over all sessions.
        planned: model-epochs of the study, as far as they are known.
        runs: how many runs the plan has asked for.
        ended: how many of these have.
        failed: and how many have failed.
        speed: model-epochs a second; None before the first.
        seconds_left: None before the first epoch.
        rows: what trains.
        best: None before a run has ended.
    """

    model_epochs: int
    planned: int
    runs: int
    ended: int
    failed: int
    speed: float | None
    seconds_left: float | None
    rows: tuple[Row, ...]
    best: Best | None


def stand(ledger: Ledger, running: Collection[Pack], pace: Pace, expected: int = 0) -> Standing:
    """Take stock.

    Args:
        ledger: knows every run that was asked for so far.
        running: the packs that train.
        pace: has measured.
        expected: model-epochs that the study will come to, where the plan is still growing.
    """
    trained = [status for key, status in ledger.runs.items() if ledger.family(key).longest.key == key]
    done = sum(status.epochs_done for status in trained)
    open_runs = [status for status in trained if status.state not in ENDED and status.state != "failed"]
    left = sum(status.epochs_left for status in open_runs)
    work = sum(status.epochs_left * cost(status.planned.run.configuration) for status in open_runs)
    asked = sum(status.planned.run.configuration.epochs for status in trained)
    unplanned = max(0, expected - asked)
    if unplanned:
        average = sum(cost(status.planned.run.configuration) for status in trained) / max(1, len(trained))
        work += unplanned * average
    varying = varying_axes(status.planned.run.configuration for status in ledger.runs.values())
    return Standing(
        model_epochs=done,
        planned=done + left + unplanned,
        runs=len(ledger.runs),
        ended=sum(status.state in ENDED for status in ledger.runs.values()),
        failed=sum(status.state == "failed" for status in ledger.runs.values()),
        speed=pace.speed(),
        seconds_left=pace.seconds_left(work, {pack.pack_id: _epochs_left(ledger, pack) for pack in running}),
        rows=_rows(ledger, running, pace, varying),
        best=_best(ledger, varying),
    )


def varying_axes(configurations: Iterable[Configuration]) -> dict[str, int | None]:
    """The axes in which they differ, with the digits that tell the values of one apart; None of what is no decimal."""
    different = set(configurations)
    values = {axis: {getattr(each, axis) for each in different} for axis in AXES}
    return {
        axis: digits_apart(found) if AXES[axis].kind is float else None
        for axis, found in values.items()
        if len(found) > 1
    }


def spread(statuses: Iterable[RunStatus], measure: Measure) -> Spread | None:
    """The last values of some runs; None where there are none (before the first epoch, or of lost numbers)."""
    values = [value for status in statuses if (value := last_value(status, measure)) is not None]
    if not values:
        return None
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def last_value(status: RunStatus, measure: Measure) -> float | None:
    """Of a run's last epoch."""
    line = status.last
    values = line[measure] if line else None
    return None if line is None or values is None else values[line["seeds"].index(status.planned.run.seed)]


def _epochs_left(ledger: Ledger, pack: Pack) -> int:
    return max((ledger.runs[run.key].epochs_left for run in pack.runs), default=0)


def _rows(ledger: Ledger, running: Collection[Pack], pace: Pace, varying: Mapping[str, int | None]) -> tuple[Row, ...]:
    of_one: dict[str, list[RunKey]] = {}
    shares: dict[str, list[float]] = {}
    under_way: dict[str, tuple[int, UnderWay | None]] = {}
    for pack in running:
        active = [run.key for run in pack.runs if ledger.runs[run.key].state == "running"]
        speed = pace.speed_of(pack.pack_id)
        for key in active:
            of_one.setdefault(key[0], []).append(key)
            done = ledger.runs[key].epochs_done
            if key[0] not in under_way or done < under_way[key[0]][0]:
                under_way[key[0]] = done, pace.under_way(pack.pack_id)
            if speed is not None:
                shares.setdefault(key[0], []).append(speed / len(active))
    return tuple(
        _row(
            [ledger.runs[key] for key in keys],
            varying,
            sum(shares[trial_id]) if trial_id in shares else None,
            under_way[trial_id][1],
        )
        for trial_id, keys in sorted(of_one.items())
    )


def _row(
    statuses: list[RunStatus], varying: Mapping[str, int | None], speed: float | None, under_way: UnderWay | None
) -> Row:
    planned = statuses[0].planned
    return Row(
        trial_id=planned.trial_id,
        words=distinguish(planned.run.configuration, varying) + (" (confirm)" if planned.stage == "confirm" else ""),
        seeds=tuple(status.planned.run.seed for status in statuses),
        epochs=min(status.epochs_done for status in statuses),
        planned=planned.run.configuration.epochs,
        loss=spread(statuses, "train_loss"),
        train=spread(statuses, "train_accuracy"),
        validation=spread(statuses, "validation_accuracy"),
        test=spread(statuses, "test_accuracy"),
        diverged=sum(status.diverged for status in statuses),
        speed=speed,
        under_way=under_way,
    )


def _best(ledger: Ledger, varying: Mapping[str, int | None]) -> Best | None:
    """By validation accuracy where any run has one: what was selected by it is not compared by another measure."""
    finished: dict[str, list[RunStatus]] = {}
    for (trial_id, _), status in ledger.runs.items():
        if status.state in ("completed", "derived"):
            finished.setdefault(trial_id, []).append(status)
    for name, measure in _MEASURES:
        values = {trial_id: spread(statuses, measure) for trial_id, statuses in finished.items()}
        known = {trial_id: value for trial_id, value in values.items() if value is not None}
        if known:
            best = max(known, key=lambda trial_id: known[trial_id].mean)
            return Best(distinguish(finished[best][0].planned.run.configuration, varying), name, known[best])
    return None


_MEASURES: tuple[tuple[Literal["validation", "test"], Measure], ...] = (
    ("validation", "validation_accuracy"),
    ("test", "test_accuracy"),
)
