"""What earlier sessions of a study have left: finished trials, and checkpoints to go on from."""

import dataclasses
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from study.plan.trials import PlannedTrial
from study.results.directory import ResultsDirectory, TrialStatus
from study.results.records import STATE_FILE, add_missing, epoch_rows, header
from study.space import Study


def put_back_rows(trials: Sequence[PlannedTrial], results: ResultsDirectory) -> None:
    """Give each record the rows that its trial's newest checkpoint carries and a torn file has lost.

    Before anything is planned: a trial whose last row was lost is finished all the same.
    """
    for trial in trials:
        record = results.record(trial.trial_id)
        if record.exists() and not _is_complete(epoch_rows(record), trial.configuration.epochs):
            newest = _newest_readable(trial, results.trials)
            if newest is not None:
                add_missing(record, newest[1]["rows"])


def statuses_before(study: Study, trials: Sequence[PlannedTrial], results: ResultsDirectory) -> dict[str, TrialStatus]:
    """Where each trial stands before a session: by its record, and by what the last table said of it.

    Raises:
        ValueError: a record is one of another trial than the plan has at its place.
    """
    earlier = results.read_trials()
    stop_when_diverged = study.on_divergence == "stop"
    statuses = {}
    for trial in trials:
        _check_header(study, trial, results)
        status = TrialStatus(trial.trial_id, trial.configuration, study.seed_list)
        known = earlier.get(trial.trial_id, {})
        for key in ("status", "error", "started", "ended", "host", "device", "directory"):
            setattr(status, key, known.get(key, getattr(status, key)))
        if status.status == "running":
            status.status = "interrupted"
        status.follow(epoch_rows(results.record(trial.trial_id)))
        if is_finished(trial, results, stop_when_diverged=stop_when_diverged):
            status.status, status.error = "completed", None
        elif status.status == "completed":
            status.status = "interrupted"  # the table is ahead of the record: a file was lost
        statuses[trial.trial_id] = status
    return statuses


def is_finished(trial: PlannedTrial, results: ResultsDirectory, *, stop_when_diverged: bool) -> bool:
    """Whether a trial's record holds all that it will ever hold."""
    rows = epoch_rows(results.record(trial.trial_id))
    if _is_complete(rows, trial.configuration.epochs):
        return True
    last = max(rows, default=0)
    return stop_when_diverged and last > 0 and _is_complete(rows, last) and all(rows[last]["diverged"])


def newest_checkpoints(trials: Sequence[PlannedTrial], folder: Path) -> dict[str, Path]:
    """The newest readable state file of each trial among all earlier sessions, by trial_id.

    A process killed while it wrote a checkpoint leaves a torn one; the one before it is then used.
    """
    found = {}
    for trial in trials:
        newest = _newest_readable(trial, folder)
        if newest is not None:
            found[trial.trial_id] = newest[0]
    return found


def next_session(folder: Path) -> str:
    """The name of a new Ray Tune experiment below trials/."""
    taken = [int(path.name.removeprefix("session-")) for path in folder.glob("session-[0-9]*")]
    return f"session-{max(taken, default=0) + 1:03d}"


def _is_complete(rows: dict[int, Any], epochs: int) -> bool:
    return list(rows) == list(range(1, epochs + 1))


def _check_header(study: Study, trial: PlannedTrial, results: ResultsDirectory) -> None:
    record = results.record(trial.trial_id)
    found = header(record)
    planned = {"configuration": dataclasses.asdict(trial.configuration), "seeds": list(study.seed_list)}
    if found is not None and {key: found.get(key) for key in planned} != planned:
        raise ValueError(
            f"{record} is of another trial than the plan has at its place: it holds "
            f"{found.get('configuration')} with seeds {found.get('seeds')}, planned is {planned['configuration']} with "
            f"seeds {planned['seeds']} (a random search draws other values under another version of numpy)"
        )


def _newest_readable(trial: PlannedTrial, folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest state file of a trial that is not torn, and its content."""
    # session-<n>/<trial_id>_.../checkpoint_<n>/state.pt: both numbers are padded, so names sort by age.
    for file in sorted(folder.glob(f"session-*/{trial.trial_id}_*/checkpoint_*/{STATE_FILE}"), reverse=True):
        if (state := _load(file)) is not None:
            return file, state
    return None


def _load(file: Path) -> dict[str, Any] | None:
    """The content of a state file; None if it is torn."""
    try:
        return torch.load(file, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError):
        return None
