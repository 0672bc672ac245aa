"""The training loop as a Ray Tune trainable: report, record, checkpoint, resume."""

import dataclasses
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.data import ImageData
from study.results.records import STATE_FILE, Row, TrialRecord, finite_or_none, now
from study.training.loop import EpochRecord, Training

PER_SEED = ("train_loss", "train_accuracy", "validation_accuracy", "test_accuracy")


@dataclasses.dataclass(frozen=True)
class TrialSettings:
    """What all trials of a study share besides the images.

    Attributes:
        seeds: the replicas of every trial.
        precision: float32, tf32 or bf16.
        stop_when_diverged: end a trial once every one of its seeds has diverged.
        cpus: threads of a trial.
        records: the folder of the study's own records.
        checkpoints: trial_id -> state file of an earlier session to go on from.
    """

    seeds: tuple[int, ...]
    precision: str
    stop_when_diverged: bool
    cpus: float
    records: Path
    checkpoints: Mapping[str, Path] = dataclasses.field(default_factory=dict)


class ReplicaTrainable(tune.Trainable):
    """One configuration, all its seeds side by side; a step is an epoch.

    Ray Tune's ``config`` is ``{"trial": {"number": position in the plan, "configuration": {...}}}``. Each step reports
    the mean over the seeds of every measure, so that a search never chases a lucky seed, and beside it the values of
    each seed as ``seed_<s>/<measure>``.

    A checkpoint carries the trial's rows so far: wherever a process died between writing the record and the checkpoint,
    the record never misses an epoch that the checkpoint has passed.
    """

    def setup(
        self,
        config: dict[str, Any],
        data: ImageData | None = None,
        settings: TrialSettings | None = None,
    ) -> None:
        """Build the replicas; go on from an earlier session's state where there is one."""
        assert data is not None
        assert settings is not None
        self._data, self._settings = data, settings
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial in this process, which saves starting one (see ``reuse_actors``)."""
        del self._training  # its memory, before the next trial takes its own
        if self._device != "cpu":
            torch.cuda.empty_cache()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch, add it to the record and report it.

        A trial that was killed after its last checkpoint, before Ray heard of its end, only reports once more.
        """
        if not self._finished:
            row = self._row(self._training.run_epoch())
            self._rows.append(row)
            self._record.append(row)
        return self._report(self._rows[-1]) | {"done": self._finished, "finished": self._finished}

    @property
    def _finished(self) -> bool:
        stopped = self._settings.stop_when_diverged and all(self._training.diverged)
        return self._training.finished or stopped

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The full state and the rows so far, as one file."""
        state = {"training": self._training.state_dict(), "rows": self._rows}
        torch.save(state, Path(checkpoint_dir, STATE_FILE))

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """Go on at the epoch after the checkpoint's."""
        assert isinstance(checkpoint, str)
        self._restore(Path(checkpoint, STATE_FILE))

    def _begin(self, config: dict[str, Any]) -> None:
        torch.set_num_threads(max(1, int(self._settings.cpus)))
        configuration = Configuration(**config["trial"]["configuration"])
        self._trial_id = trial_id(config["trial"]["number"])
        self._rows: list[Row] = []
        self._device = assigned_device()
        self._training = Training(
            configuration,
            self._data,
            self._settings.seeds,
            device=self._device,
            precision=self._settings.precision,
        )
        self._record = TrialRecord(self._settings.records, self._trial_id, configuration, self._settings.seeds)
        if earlier := self._settings.checkpoints.get(self._trial_id):
            self._restore(earlier)

    def _restore(self, file: Path) -> None:
        state = torch.load(file, weights_only=True)
        self._training.load_state_dict(state["training"])
        self._rows = state["rows"]
        self._record.add_missing(self._rows)

    def _row(self, record: EpochRecord) -> Row:
        row = dataclasses.asdict(record) | {
            "train_loss": finite_or_none(record.train_loss),
            "finished": now(),
            "host": socket.gethostname(),
            "device": describe_device(self._device, self._training.computation.name),
            "pid": os.getpid(),
        }
        return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}

    def _report(self, row: Row) -> dict[str, Any]:
        metrics = {key: row[key] for key in ("epoch", "iterations", "seconds", "device")}
        metrics["diverged"] = sum(row["diverged"])
        for measure in PER_SEED:
            if row[measure] is None:
                continue
            values = [float("nan") if value is None else value for value in row[measure]]
            metrics[measure] = sum(values) / len(values)
            for seed, value in zip(self._settings.seeds, values, strict=True):
                metrics[f"seed_{seed}/{measure}"] = value
        return metrics


def assigned_device() -> str:
    """The device that Ray has given to this trial, as torch names it.

    Raises:
        RuntimeError: Ray gave a GPU that torch cannot use.
    """
    gpus = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    if not gpus:
        return "cpu"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"Ray gave this trial GPU {', '.join(gpus)} on {socket.gethostname()}, but torch sees no CUDA device "
            "there: check the driver with nvidia-smi, or set resources.gpus to 0"
        )
    return "cuda:0"  # Ray sets CUDA_VISIBLE_DEVICES, so the first visible one is the trial's own


def describe_device(device: str, computation: str) -> str:
    """The device as the records name it: ``cpu (kernels)``, or the GPU with Ray's number and the model."""
    if device == "cpu":
        return f"cpu ({computation})"
    gpus = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    return f"cuda:{','.join(gpus)} ({torch.cuda.get_device_name(0)})"
