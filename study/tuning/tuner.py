"""Packs -> Ray Tune: the Tuner, the searcher that hands it one pack after another, and a session of them."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from study.growth.supply import PackSource
from study.plan.packs import Pack
from study.plan.planned import RunKey
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.space import Study
from study.tuning.callback import LedgerCallback, Listener
from study.tuning.checkpoints import StateRef
from study.tuning.tensorboard import TensorBoard
from study.tuning.trainable import Images, PackSettings, PackTrainable, config_of

# A killed worker or node is no fault of the pack: it is started again from its checkpoint this often.
MAX_FAILURES = 2
# Enough for an autoscaler to see what is waiting, few enough that Ray looks through them in no time.
MOST_PENDING = 100


class PackSearcher(Searcher):
    """Hands Ray Tune one pack after another; a searcher to Ray, which asks it when it has room for a trial.

    Args:
        source: where they come from.
        states: a checkpoint for each run that does not start from nothing.
        given: every pack that was handed over, by pack_id; filled here.
    """

    def __init__(self, source: PackSource, states: Mapping[RunKey, StateRef], given: dict[str, Pack]) -> None:
        super().__init__(metric=None, mode=None)
        self._source, self._states, self._given = source, dict(states), given
        self._packs: dict[str, Pack] = {}  # by Ray's trial_id

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next pack; None where that waits for another to end, and Ray's word for the end when there is none."""
        pack = self._source.next()
        if pack is None:
            return cast(Any, Searcher.FINISHED) if self._source.finished else None
        self._given[pack.pack_id] = self._packs[trial_id] = pack
        return {"pack": config_of(pack, self._states)}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """There is room for another one; the callback tells the ledger."""
        self._source.ended(self._packs[trial_id])

    def save(self, checkpoint_path: str) -> None:
        """Ray saves its searchers now and then; a session is never restored from that."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""


def make_tuner(
    searcher: Searcher,
    trainable: Any,
    resources: Mapping[str, float],
    study: Study,
    results: ResultsDirectory,
    session: str,
    callbacks: Sequence[tune.Callback] = (),
    scheduler: TrialScheduler | None = None,
) -> tune.Tuner:
    """A Tuner that runs the packs of a searcher.

    Each session is an experiment of its own below trials/: two in one directory would mix, and a restored one starts
    over in silence when its state file is torn.
    """
    _spare_wandb()
    # Ray's own TensorBoard files have a curve for a pack and a session; this project's have one for a run.
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", str(MOST_PENDING))
    return tune.Tuner(
        tune.with_resources(trainable, dict(resources)),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,  # until the searcher says that it is done
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=session,
            storage_path=str(results.trials.resolve()),
            failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=study.checkpoint.every,
                num_to_keep=study.checkpoint.keep,
                checkpoint_at_end=True,
            ),
            callbacks=[*callbacks, JsonLoggerCallback(), CSVLoggerCallback()],
            verbose=0,
        ),
    )


def _spare_wandb() -> None:
    """Import Ray's part for Weights & Biases without that itself, which Ray Tune imports where it is installed.

    It makes temporary folders when it is imported, which a process that is killed leaves behind.
    """
    if "wandb" not in sys.modules:
        sys.modules["wandb"] = None  # type: ignore[assignment]
        try:
            import ray.air.integrations.wandb  # noqa: F401
        finally:
            del sys.modules["wandb"]


def run_packs(
    study: Study,
    ledger: Ledger,
    source: PackSource,
    states: Mapping[RunKey, StateRef],
    data: Images,
    results: ResultsDirectory,
    session: str,
    resources: Mapping[str, float],
    listener: Listener,
    scheduler: TrialScheduler | None = None,
) -> None:
    """Run what the source gives, each run from its newest state; blocks until that ends, or the user interrupts.

    The images go into Ray's object store once, and every pack of a node maps the same copy.
    """
    settings = PackSettings(
        precision=study.precision,
        stop_when_diverged=study.on_divergence == "stop",
        cpus=study.resources.cpus,
        stop=study.stop,
    )
    trainable = tune.with_parameters(PackTrainable, settings=settings, **data)
    given: dict[str, Pack] = {}
    searcher = PackSearcher(source, states, given)
    callbacks = [TensorBoard(results.tensorboard, ledger), LedgerCallback(given, ledger, listener)]
    tuner = make_tuner(searcher, trainable, resources, study, results, session, callbacks, scheduler)
    # Ray's own advice on how to restore its experiment would mislead: a study is resumed with --resume.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        tuner.fit()
    finally:
        ledger.interrupt()


def _trial_name(trial: Trial) -> str:
    """The folder of a pack: its name, and what its runs have in common, for people."""
    pack = trial.config["pack"]
    configurations = [run["configuration"] for run in pack["runs"]]
    first = configurations[0]
    norm = "bn" if first["batch_norm"] else "nobn"
    rates = {c["lr"] for c in configurations}
    rate = f"lr{first['lr']:g}" if len(rates) == 1 else f"{len(rates)}lrs"
    shape = f"{first['block']}{first['num_blocks']}_{norm}_{rate}"
    return f"{pack['pack_id']}_{shape}_{len(configurations)}runs_{trial.trial_id}"
