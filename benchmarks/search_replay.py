"""Searches that look their results up in a table instead of training: the study's own, and one by Ray Tune alone.

One configuration trains after another. What decides is what decides in a study: ``study.growth`` and ``study.search``
which configuration comes next, ``study.tuning.schedulers`` which one ends early, ``ranked`` which one is the winner.
Only Ray's processes are left out.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import optuna
from optuna.trial import TrialState

from benchmarks.search_table import Table
from study.contract.axes import Configuration, Value
from study.contract.records import EpochLine
from study.contract.states import ENDED
from study.growing import growth_of
from study.growth.budget import Spending
from study.growth.scores import ranked, scores
from study.growth.supply import Supply
from study.plan.packs import Pack
from study.results.clock import now
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.search.distributions import distributions
from study.space import Study
from study.space.sections import AshaScheduler
from study.tuning.schedulers import Judge, make_scheduler

LrForm = Literal["choice", "loguniform"]
EXPLORED = 2  # of a configuration's seeds, the first ones, which a search sees; the others confirm its winner
_AXES = ("block", "num_blocks", "batch_norm", "lr")


class Step(NamedTuple):
    """Where a search stands after a configuration has ended.

    Attributes:
        spent: model-epochs so far.
        winner: that it would name now; None where every configuration so far has diverged.
    """

    spent: int
    winner: Configuration | None


@dataclass(frozen=True)
class Method:
    """A way to search.

    Attributes:
        name: in tables.
        sampler: of Optuna.
        reduction_factor: of ASHA, whose first rung is at epoch 1; None where every run trains to its end.
        plain: as Ray Tune is used by itself, one seed a trial; else as a study.
        seeds: of each configuration of a study.
    """

    name: str
    sampler: Literal["random", "tpe"]
    reduction_factor: float | None = None
    plain: bool = False
    seeds: int = EXPLORED

    def steps(self, table: Table, form: LrForm, budget: int, seed: int) -> Iterator[Step]:
        """Search until the budget is spent, which the last configuration may overdraw.

        Args:
            table: what the configurations reach.
            form: how the space gives the learning rate: a choice of the table's values, or an interval, of which a
                value is looked up at the nearest one in the table, by ratio.
            budget: in model-epochs.
            seed: of the sampler.
        """
        study = _study(self, table, form, budget, seed)
        if self.plain:
            return _plain_steps(study, table, budget, seed)
        return _study_steps(study, table)


def _study(method: Method, table: Table, form: LrForm, budget: int, seed: int) -> Study:
    values: dict[str, list[Value]] = {
        axis: sorted({each.as_dict()[axis] for each in table.configurations}) for axis in _AXES
    }
    space: dict[str, Any] = {axis: {"choice": values[axis]} for axis in _AXES} | {"epochs": table.epochs}
    if form == "loguniform":
        space["lr"] = {"loguniform": [values["lr"][0], values["lr"][-1]]}
    asha = {"name": "asha", "grace_period": 1, "reduction_factor": method.reduction_factor}
    return Study.model_validate(
        {
            "name": "replay",
            "space": space,
            "seeds": method.seeds,
            "validation": 200,
            "search": {
                "algorithm": "optuna",
                "sampler": method.sampler,
                # All there are; of an interval more than the budget pays for.
                "samples": len(table.configurations) if form == "choice" else budget,
                "seed": seed,
                "max_concurrent": 1,
            },
            "scheduler": {"name": "none"} if method.reduction_factor is None else asha,
            "budget": {"model_epochs": budget},
        }
    )


def _study_steps(study: Study, table: Table) -> Iterator[Step]:
    with tempfile.TemporaryDirectory() as folder:
        results = ResultsDirectory(Path(folder))
        results.records.mkdir()
        ledger, _ = open_ledger(results, stop_when_diverged=True)
        spending = Spending(study, ledger, 0)
        supply = Supply(
            ledger, growth_of(study, ledger, results), lambda runs: [tuple(runs)], "session-001", 1, spending.used_up
        )
        trainer = _Trainer(study, ledger, table)
        while (pack := supply.next()) is not None:
            trainer.train(pack)
            supply.ended(pack)
            best = ranked(scores(ledger))
            yield Step(spending.model_epochs, best[0].configuration if best else None)


@dataclass
class _PackTrial:
    """All that the study's scheduler reads of a trial of Ray Tune."""

    config: dict[str, Any]


class _Trainer:
    """Takes packs through their epochs, as Ray Tune and the study's callback do."""

    def __init__(self, study: Study, ledger: Ledger, table: Table) -> None:
        self._ledger, self._table = ledger, table
        self._scheduler = make_scheduler(study, ledger)

    def train(self, pack: Pack) -> None:
        """To the end of the pack, all of whose runs are of one configuration."""
        trial_id, configuration = pack.runs[0].trial_id, pack.runs[0].run.configuration
        runs = [{"trial_id": run.trial_id, "seed": run.run.seed} for run in pack.runs]
        trial = cast(Any, _PackTrial({"pack": {"pack_id": pack.pack_id, "runs": runs}}))
        self._ledger.start(pack, None)
        for epoch in range(1, self._table.epochs + 1):
            seeds = [run.run.seed for run in pack.runs if self._ledger.runs[run.key].state not in ENDED]
            if not seeds:
                break
            line = _line(self._table, configuration, epoch, seeds)
            stops = (
                self._scheduler is not None
                and epoch < self._table.epochs
                and self._scheduler.on_trial_result(None, trial, {"lines": [(trial_id, line)]}) == "STOP"
            )
            self._ledger.record({trial_id: [line]})
            if stops:
                break
        if self._scheduler is not None:
            self._scheduler.on_trial_complete(None, trial, {})
        self._ledger.end(pack)


def _line(table: Table, configuration: Configuration, epoch: int, seeds: list[int]) -> EpochLine:
    """An epoch as a pack reports it; of what the table does not hold, and no search looks at, nothing."""
    place = (table.place_of(configuration), seeds, epoch - 1)
    return EpochLine(
        epoch=epoch,
        seeds=seeds,
        iterations=epoch,
        seconds=[0.0] * len(seeds),
        train_loss=[None] * len(seeds),
        train_accuracy=[0.0] * len(seeds),
        validation_accuracy=table.validation[place].tolist(),
        test_accuracy=table.test[place].tolist(),
        diverged=table.diverged[place].tolist(),
        finished=now(),
        host="table",
        device="table",
        pid=0,
    )


def _plain_steps(study: Study, table: Table, budget: int, seed: int) -> Iterator[Step]:
    """Ray Tune's OptunaSearch and ASHAScheduler over single runs, each with a seed of its own, as they work together.

    OptunaSearch asks a TPESampler with its defaults, and tells it the last value of every trial as that of a complete
    one, whoever ended it. A loss that is not a number ends nothing. ``ResultGrid.get_best_result`` names the trial with
    the best last value. ``Judge`` is Ray's ASHA.
    """
    assert isinstance(study.scheduler, AshaScheduler)
    judge, drawn = Judge(study.scheduler, table.epochs), distributions(study)
    search = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), direction="maximize")
    seeds = np.random.default_rng(seed)
    spent, best = 0, (-1.0, Configuration())
    while spent < budget:
        trial = search.ask(drawn)
        configuration = Configuration.of({**trial.params, "epochs": table.epochs})
        curve = table.validation[table.place_of(configuration), int(seeds.integers(EXPLORED))].tolist()
        epoch = 0
        while epoch < table.epochs:
            epoch += 1
            trial.report(curve[epoch - 1], epoch)
            if judge.ends(f"{trial.number:04d}", epoch, curve[epoch - 1]):
                break
        search.tell(trial, curve[epoch - 1], state=TrialState.COMPLETE)
        spent, best = spent + epoch, max(best, (curve[epoch - 1], configuration), key=lambda each: each[0])
        yield Step(spent, best[1])
