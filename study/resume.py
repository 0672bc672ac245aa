"""What earlier sessions of a study have left: finished trials, and checkpoints to go on from."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch

from study.plan import PlannedTrial
from study.records import STATE_FILE, epoch_rows
from study.results import ResultsDirectory


def is_finished(trial: PlannedTrial, results: ResultsDirectory, *, stop_when_diverged: bool) -> bool:
    """Whether a trial's record holds all that it will ever hold."""
    rows = epoch_rows(results.record(trial.trial_id))
    if not rows:
        return False
    last = rows[max(rows)]
    complete = all(epoch in rows for epoch in range(1, max(rows) + 1))
    planned = last["epoch"] >= trial.configuration.epochs
    return complete and (planned or (stop_when_diverged and all(last["diverged"])))


def newest_checkpoints(trials: Sequence[PlannedTrial], folder: Path) -> dict[str, Path]:
    """The newest readable state file of each trial among all earlier sessions, by trial_id.

    A process killed while it wrote a checkpoint leaves a torn one; the one before it is then used.
    """
    found = {}
    for trial in trials:
        # session-<n>/<trial_id>_.../checkpoint_<n>/state.pt: both numbers are padded, so names sort by age.
        files = sorted(folder.glob(f"session-*/{trial.trial_id}_*/checkpoint_*/{STATE_FILE}"), reverse=True)
        readable = next((file for file in files if _is_readable(file)), None)
        if readable is not None:
            found[trial.trial_id] = readable
    return found


def next_session(folder: Path) -> str:
    """The name of a new Ray Tune experiment below trials/."""
    taken = [int(path.name.removeprefix("session-")) for path in folder.glob("session-[0-9]*")]
    return f"session-{max(taken, default=0) + 1:03d}"


def _is_readable(file: Path) -> bool:
    try:
        torch.load(file, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError):
        return False
    return True
