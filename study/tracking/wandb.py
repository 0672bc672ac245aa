"""Weights & Biases, offline: a folder for each run with its whole history, for ``wandb sync``."""

import atexit
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from study.contract.records import RunEpoch
from study.results.run_status import RunStatus
from study.tracking.identity import Identity
from study.tracking.naming import configuration_name, curve_values, run_name


class WandbTracker:
    """Writes the runs that changed at the end of a session; nothing is sent anywhere.

    An offline run cannot be resumed. So a run that has gained epochs is written whole, in place of what an earlier
    session wrote of it, under the same id.

    Args:
        folder: where wandb makes its own, wandb/.
        project: its name.
        identity: knows what was written.
    """

    name = "Weights & Biases"
    live = False

    def __init__(self, folder: Path, project: str, identity: Identity) -> None:
        self._folder, self._project, self._identity = folder, project, identity

    def show(self, status: RunStatus, epochs: Sequence[RunEpoch]) -> None:
        """See ``study.tracking.mirror.Tracker``."""
        planned = status.planned
        name = f"{self._identity.study_id}-{planned.trial_id}-seed{planned.run.seed}"
        place = (len(epochs), status.state)
        if self._identity.written.get(name) == place:
            return
        for earlier in self._folder.glob(f"wandb/offline-run-*-{name}"):
            shutil.rmtree(earlier)
        _import(self._folder / "wandb")
        self._write(name, status, epochs)
        self._identity.written[name] = place
        self._identity.write()

    def _write(self, name: str, status: RunStatus, epochs: Sequence[RunEpoch]) -> None:
        import wandb

        planned = status.planned
        run = wandb.init(
            project=self._project,
            id=name,
            name=run_name(planned),
            group=configuration_name(planned),
            config={**planned.run.configuration.as_dict(), "seed": planned.run.seed, "stage": planned.stage},
            dir=str(self._folder),
            mode="offline",
            reinit="create_new",
            # Neither the machine's load nor its code, packages and terminal belong to a run's history.
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                x_disable_stats=True,
                x_disable_meta=True,
                x_save_requirements=False,
            ),
        )
        for epoch in epochs:
            run.log(curve_values(epoch), step=epoch.epoch)
        run.summary.update({"state": status.state, "diverged": status.diverged})
        run.finish()


def _import(folder: Path) -> None:
    """Import wandb, which makes folders for temporary files then, and has them removed when the process ends.

    They lie in its own folder, so that a process that is killed leaves none elsewhere; the next session removes them.
    """
    if "wandb" in sys.modules:
        return
    folder.mkdir(exist_ok=True)
    for left in folder.glob("tmp*"):
        shutil.rmtree(left)
    before, tempfile.tempdir = tempfile.tempdir, tempfile.mkdtemp(dir=folder)
    atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)
    try:
        import wandb  # noqa: F401
    finally:
        tempfile.tempdir = before
