"""The training loop as a Ray Tune trainable: an epoch a step, a checkpoint that carries the state and the rows.

The driver imports this module too; torch, which it has no use for, is imported where training begins.
"""

import dataclasses
import math
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import ray
from ray import tune
from ray.air.constants import TRAINING_ITERATION
from ray.tune.result import DONE, NODE_IP, PID, TRIAL_ID

from study.contract.axes import Configuration, Value
from study.contract.files import FORMAT, STATE_FILE
from study.contract.records import MEASURES, EpochLine
from study.contract.runs import Run
from study.contract.states import Stage
from study.data import ImageData
from study.plan.packs import Pack
from study.plan.planned import PlannedRun
from study.plan.stopping import stop_reason
from study.results.clock import now
from study.space.sections import Stop
from study.tuning.state_files import load_newest_state, load_state, save_state

if TYPE_CHECKING:
    from study.training.loop import EpochResult, Training


# What Ray Tune itself goes by.
_NEEDED = frozenset({DONE, TRAINING_ITERATION, TRIAL_ID, PID, NODE_IP})


def let_go(result: dict[str, Any]) -> None:
    """Take out of a result what nobody needs any more.

    Ray Tune keeps the last result of every trial, and that of its newest checkpoint, to the end of the session.
    """
    for name in result.keys() - _NEEDED:
        del result[name]


class RunConfig(TypedDict):
    """A run of a pack, as Ray Tune's ``config`` holds it; state is a checkpoint's file and the run's place in it."""

    trial_id: str
    seed: int
    configuration: dict[str, Value]
    state: tuple[str, int] | None


class PackConfig(TypedDict):
    """Ray Tune's ``config`` of a pack, below the key ``pack``; until is as in ``Pack``."""

    pack_id: str
    stage: Stage
    runs: list[RunConfig]
    until: int | None


class Checkpoint(TypedDict):
    """What a state file holds: whose states, the states, and all that the pack's runs did since the pack began.

    A process may die between an epoch and its line in a record; the lines are then put back from here. validation holds
    the validation accuracies of each run from its first epoch on, by which the stop rules go.
    """

    format: int
    pack: str
    runs: list[tuple[str, int]]
    training: dict[str, Any]
    lines: list[tuple[str, EpochLine]]
    validation: list[list[float]]


class Images(TypedDict):
    """What packs train on: those of the stage ``confirm`` on all images, the held-out ones among them, if any do."""

    data: ImageData
    all_data: ImageData | None


@dataclasses.dataclass(frozen=True)
class PackSettings:
    """What all packs of a session share besides the images.

    Attributes:
        precision: float32, tf32 or bf16.
        stop_when_diverged: a run that has diverged trains no further.
        cpus: threads of a pack.
        stop: when a run has trained enough.
    """

    precision: str
    stop_when_diverged: bool
    cpus: float
    stop: Stop = dataclasses.field(default_factory=Stop)


def config_of(pack: Pack, states: "dict[tuple[str, int], tuple[Path, int]]") -> PackConfig:
    """The pack as Ray Tune's configuration, plain values alone."""
    known = states if pack.states is None else pack.states
    return PackConfig(
        pack_id=pack.pack_id,
        stage=pack.runs[0].stage,
        runs=[_run_config(run, pack.values, known.get(run.key)) for run in pack.runs],
        until=pack.until,
    )


def _run_config(run: PlannedRun, values: Mapping[str, Value], state: tuple[Path, int] | None) -> RunConfig:
    return RunConfig(
        trial_id=run.trial_id,
        seed=run.run.seed,
        configuration={**run.run.configuration.as_dict(), **values},
        state=None if state is None else (str(state[0]), state[1]),
    )


class PackTrainable(tune.Trainable):
    """The runs of a pack side by side; a step is an epoch of each.

    A step reports ``lines``, the epoch's rows for the records, as (trial_id, EpochLine) pairs, and the first one
    ``computation``, how they come about; the driver's callback takes both out of the result. Beside them stand the
    means over the runs, for schedulers and TensorBoard.

    Building the network and loading states waits for the first call that needs them: what fails while Ray counts the
    process as not yet running (``setup``, ``reset_config``) is never tried again.
    """

    def setup(
        self,
        config: dict[str, Any],
        data: ImageData | None = None,
        settings: PackSettings | None = None,
        all_data: ImageData | None = None,
    ) -> None:
        """Take note of the pack."""
        assert data is not None
        assert settings is not None
        self._data, self._all_data, self._settings = data, all_data, settings
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take note of another pack, in the same process (see ``reuse_actors``)."""
        self._take(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch and report it.

        A pack that was killed after its last checkpoint, before Ray heard of its end, only says that it is done.
        """
        training = self._begun()
        results = [] if training.finished else training.run_epoch()
        for result in results:
            if result.validation_accuracy is not None:
                self._validation[result.run].append(result.validation_accuracy)
        training.drop([each.run for each in results if self._has_ended(each.run, each.epoch, diverged=each.diverged)])
        lines = self._lines_of(results)
        self._lines += lines
        described, self._computation = self._computation, None
        return {"lines": lines, "computation": described, "done": training.finished, **_means(results)}

    def log_result(self, result: dict[str, Any]) -> None:
        """Remember the result that goes to the driver now."""
        self._result = result

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The state of every run, and the rows so far, as one file; Ray adds the last result, which the driver has."""
        let_go(self._result)
        training = self._begun()
        content = Checkpoint(
            format=FORMAT,
            pack=self._pack["pack_id"],
            runs=[(run["trial_id"], run["seed"]) for run in self._pack["runs"]],
            training=training.state_dict(),
            lines=self._lines,
            validation=self._validation,
        )
        save_state(Path(checkpoint_dir), content)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """Go on at the epoch after the checkpoint's; Ray calls this in a process that replaces a lost one.

        Where the checkpoint is damaged, at that of the one before it, at last at the pack's beginning.
        """
        from study.training.loop import run_states

        assert isinstance(checkpoint, str)
        content: Checkpoint | None = load_newest_state(Path(checkpoint, STATE_FILE))
        self._training = None
        if content is not None:
            self._states, self._lines = run_states(content["training"]), list(content["lines"])
            self._validation = content["validation"]

    def cleanup(self) -> None:
        """Free the memory."""
        self._training = None

    def _take(self, config: dict[str, Any]) -> None:
        self._pack: PackConfig = config["pack"]
        self._training: Training | None = None  # frees the memory of the pack before
        self._states: list[Any] | None = None
        self._validation: list[list[float]] = [[] for _ in self._pack["runs"]]
        self._lines: list[tuple[str, EpochLine]] = []
        self._computation: dict[str, str] | None = None
        self._result: dict[str, Any] = {}

    def _begun(self) -> "Training":
        if self._training is None:
            self._training = self._begin()
        return self._training

    def _begin(self) -> "Training":
        import torch

        from study.training.describe import describe_computation
        from study.training.loop import Training

        torch.set_num_threads(max(1, int(self._settings.cpus)))
        self._device = assigned_device()
        if self._device != "cpu":
            torch.cuda.empty_cache()
        states = self._states
        if states is None:
            states, self._validation = _load_states(self._pack["runs"])
        training = Training(
            [Run(Configuration.of(run["configuration"]), run["seed"]) for run in self._pack["runs"]],
            self._data if self._pack["stage"] == "explore" else self._all_data or self._data,
            device=self._device,
            precision=self._settings.precision,
            states=states,
        )
        # Those that a lost process had dropped.
        begun = [(run, state) for run, state in enumerate(states) if state is not None]
        training.drop([run for run, state in begun if self._has_ended(run, state["epoch"], diverged=state["diverged"])])
        self._states = None
        self._described = describe_device(self._device, training.backend)
        self._computation = describe_computation(self._device)
        return training

    def _has_ended(self, run: int, epoch: int, *, diverged: bool) -> bool:
        """Whether a run is not to train the epochs that it has left, or not in this pack."""
        until = self._pack["until"]
        if until is not None and epoch >= until:
            return True
        if diverged and self._settings.stop_when_diverged:
            return True
        return stop_reason(self._settings.stop, self._validation[run]) is not None

    def _lines_of(self, results: "list[EpochResult]") -> list[tuple[str, EpochLine]]:
        """The rows of an epoch: a line for the runs of a configuration that stand at the same epoch."""
        together: dict[tuple[str, int], list[EpochResult]] = {}
        for result in results:
            together.setdefault((self._pack["runs"][result.run]["trial_id"], result.epoch), []).append(result)
        return [(trial_id, self._line(group)) for (trial_id, _), group in together.items()]

    def _line(self, group: "list[EpochResult]") -> EpochLine:
        validation = [r.validation_accuracy for r in group if r.validation_accuracy is not None]
        return EpochLine(
            epoch=group[0].epoch,
            seeds=[self._pack["runs"][r.run]["seed"] for r in group],
            iterations=group[0].iterations,
            seconds=[r.seconds for r in group],
            # Standard JSON knows neither NaN nor infinity.
            train_loss=[r.train_loss if math.isfinite(r.train_loss) else None for r in group],
            train_accuracy=[r.train_accuracy for r in group],
            validation_accuracy=validation or None,
            test_accuracy=[r.test_accuracy for r in group],
            diverged=[r.diverged for r in group],
            finished=now(),
            host=socket.gethostname(),
            device=self._described,
            pid=os.getpid(),
            pack=self._pack["pack_id"],
        )


def _load_states(runs: list[RunConfig]) -> tuple[list[Any], list[list[float]]]:
    """The state of each run, None where it starts from nothing, and its validation accuracies until then."""
    from study.training.loop import run_states

    files = dict.fromkeys(run["state"][0] for run in runs if run["state"] is not None)
    contents: dict[str, Any] = {file: load_state(Path(file)) for file in files}
    loaded = {file: run_states(content["training"]) for file, content in contents.items()}
    states, validation = [], []
    for run in runs:
        file, place = run["state"] or ("", 0)
        states.append(loaded[file][place] if file else None)
        # Older studies had no stop rules, and noted nothing.
        before = contents[file].get("validation") if file else None
        validation.append(list(before[place]) if before else [])
    return states, validation


def _means(results: "list[EpochResult]") -> dict[str, float]:
    """The mean of each measure over the runs that trained; a loss that is not finite makes its mean so too."""
    means: dict[str, float] = {}
    for measure in (*MEASURES, "seconds", "epoch"):
        values = [value for result in results if (value := getattr(result, measure)) is not None]
        if values:
            means[measure] = sum(values) / len(values)
    return means | {"diverged": float(sum(result.diverged for result in results))}


def assigned_device() -> str:
    """The device that Ray has given to this pack, as torch names it.

    Raises:
        RuntimeError: Ray gave a GPU that torch cannot use.
    """
    import torch

    gpus = _gpus()
    if not gpus:
        return "cpu"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"Ray gave this pack GPU {', '.join(gpus)} on {socket.gethostname()}, but torch sees no CUDA device "
            "there: check the driver with nvidia-smi, or set resources.gpus to 0"
        )
    return "cuda:0"  # Ray sets CUDA_VISIBLE_DEVICES, so the first visible one is the pack's own


def describe_device(device: str, backend: str) -> str:
    """The device as the records name it: ``cpu (kernels)``, or the GPU with Ray's number and the model."""
    if device == "cpu":
        return f"cpu ({backend})"
    import torch

    return f"cuda:{','.join(_gpus())} ({torch.cuda.get_device_name(0)})"


def _gpus() -> list[str]:
    return ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
