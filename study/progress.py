"""The live display: a bar in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from study.contract.records import EpochLine
from study.phrasing import counted, describe, mean, ranges, say
from study.plan.packs import Pack
from study.plan.planned import RunKey
from study.results.ledger import Ledger
from study.results.provenance import add_computation

SECONDS_BETWEEN_LINES = 30.0


class ProgressDisplay:
    """Shows the model-epochs done of all planned ones, and a line for every configuration of a pack that ends.

    Without a terminal (a log file, a batch system) a plain line stands in for the bar, twice a minute at most.

    Args:
        console: where to write.
        ledger: knows how far each run is.
        runs: those that train or have trained; the beginnings of longer ones are not among them.
        provenance: the file to which is added how the runs are computed.
    """

    def __init__(self, console: Console, ledger: Ledger, runs: Sequence[RunKey], provenance: Path) -> None:
        self._console, self._ledger, self._provenance = console, ledger, provenance
        self._planned = sum(ledger.runs[key].planned.run.configuration.epochs for key in runs)
        self._done = {key: ledger.runs[key].epochs_done for key in runs}
        self._model_epochs = sum(self._done.values())
        self._last: dict[RunKey, EpochLine] = {}
        self._last_line = time.monotonic()
        self._running: set[str] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("model-epochs"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=self._planned, completed=self._model_epochs)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, pack: Pack) -> None:
        """A pack began, or began again."""
        self._running.add(pack.pack_id)
        self._update()

    def computing(self, described: Mapping[str, str]) -> None:
        """How the runs are computed, for the provenance; and a word where that is slow for want of a compiler."""
        add_computation(self._provenance, described)
        if described["backend"].startswith("PyTorch (") and "gpu" not in described:
            reason = described["backend"].removeprefix("PyTorch (").removesuffix(")")
            say(self._console, f"training with PyTorch alone, several times slower than with the CPU kernels: {reason}")

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None:
        """The runs of a pack finished an epoch; one that is trained again after a failure is no progress."""
        for trial_id, line in lines:
            for seed in line["seeds"]:
                key = trial_id, seed
                self._last[key] = line
                done = self._ledger.runs[key].epochs_done
                self._model_epochs += done - self._done.get(key, done)
                self._done[key] = done
        self._update()
        if not self._console.is_terminal and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            say(self._console, f"{self._model_epochs:,} of {counted(self._planned, 'model-epoch')}")

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""
        say(self._console, "interrupted: stopping the runs, which takes a few seconds ...")

    def ended(self, pack: Pack, error: str | None) -> None:
        """A pack ended by itself, was stopped or failed."""
        self._running.discard(pack.pack_id)
        self._update()
        of_one: dict[tuple[str, str], list[RunKey]] = {}
        for run in pack.runs:
            of_one.setdefault((run.trial_id, self._ledger.runs[run.key].state), []).append(run.key)
        for (trial_id, state), keys in of_one.items():
            configuration = self._ledger.runs[keys[0]].planned.run.configuration
            what = f"failed: {_last_line(error)}" if state == "failed" else f"{state}: {self._results(keys)}"
            seeds = f"seed{'' if len(keys) == 1 else 's'} {ranges(seed for _, seed in keys)}"
            say(self._console, f"{trial_id} ({describe(configuration)}), {seeds} {what}")

    def _results(self, keys: Sequence[RunKey]) -> str:
        """How far the runs came and what they reached, the mean over their seeds."""
        epochs = max(self._ledger.runs[key].epochs_done for key in keys)
        said = [counted(epochs, "epoch")]
        for measure, name in (
            ("train_accuracy", "train"),
            ("validation_accuracy", "validation"),
            ("test_accuracy", "test"),
        ):
            values = [value for key in keys if (value := self._value(key, measure)) is not None]
            if values:
                said.append(f"{name} {mean(values):.2f} %")
        diverged = sum(self._ledger.runs[key].diverged for key in keys)
        if diverged:
            said.append(f"{diverged} of {len(keys)} diverged")
        return ", ".join(said)

    def _value(self, key: RunKey, measure: str) -> float | None:
        line = self._last.get(key)
        values: list[float] | None = line[measure] if line else None  # type: ignore[literal-required]
        return None if line is None or values is None else values[line["seeds"].index(key[1])]

    def _update(self) -> None:
        running = ", ".join(sorted(self._running)) or "none"
        self._bar.update(self._task, completed=self._model_epochs, description=f"running: {running}")


def _last_line(error: str | None) -> str:
    return ((error or "").strip().splitlines() or ["unknown error"])[-1]
