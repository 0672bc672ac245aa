"""The live display: a bar in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from study.contract.axes import Configuration
from study.results.directory import TrialStatus

SECONDS_BETWEEN_LINES = 30.0


class ProgressDisplay:
    """Shows epochs done of all planned ones, and a line for every trial that ends.

    Without a terminal (a log file, a batch system) a plain line stands in for the bar, twice a minute at most.

    Args:
        console: where to write.
        statuses: every trial of the plan by trial_id, with the epochs done in earlier sessions.
    """

    def __init__(self, console: Console, statuses: Mapping[str, TrialStatus]) -> None:
        self._console = console
        self._epochs = sum(status.configuration.epochs for status in statuses.values())
        # By trial: an epoch that is trained again after a failure is no progress.
        self._done = {trial_id: status.epochs_done for trial_id, status in statuses.items()}
        self._ended = 0
        self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=self._epochs, completed=sum(self._done.values()))
        self._running: set[str] = set()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, trial: TrialStatus) -> None:
        """A trial began, or began again."""
        self._running.add(trial.trial_id)
        self._update()

    def epoch(self, trial: TrialStatus, metrics: Mapping[str, Any]) -> None:
        """A trial finished an epoch."""
        self._done[trial.trial_id] = max(self._done[trial.trial_id], metrics["epoch"])
        self._update()
        if not self._console.is_terminal and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            say(self._console, f"{sum(self._done.values())} of {self._epochs} epochs, {self._ended} trials ended")

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""
        say(self._console, "interrupted: stopping the trials, which takes a few seconds ...")

    def ended(self, trial: TrialStatus, metrics: Mapping[str, Any]) -> None:
        """A trial completed, was stopped or failed."""
        self._running.discard(trial.trial_id)
        self._ended += 1
        self._update()
        if trial.status == "failed":
            reason = (trial.error or "").strip().splitlines()
            what = f"failed: {reason[-1] if reason else 'unknown error'}"
        else:
            what = (
                f"{trial.status}: {trial.epochs_done} epochs, train {metrics['train_accuracy']:.2f} %, "
                f"test {metrics['test_accuracy']:.2f} %, {metrics['seconds']:.0f} s"
            )
        say(self._console, f"trial {trial.trial_id} ({describe(trial.configuration)}) {what}")

    def _update(self) -> None:
        running = ", ".join(sorted(self._running)) or "none"
        self._bar.update(self._task, completed=sum(self._done.values()), description=f"running: {running}")


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no colours, no wrapping, so that it can be copied and searched for."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def counted(number: float, thing: str) -> str:
    """So many of a thing: 1 trial, 2 trials, 0.5 GPUs."""
    shown = f"{number:g}" if isinstance(number, float) else str(number)  # whole, however many
    return f"{shown} {thing}{'' if number == 1 else 's'}"


def describe(configuration: Configuration) -> str:
    """A configuration in a few words."""
    c = configuration
    blocks = "block" if c.num_blocks == 1 else "blocks"
    norm = "batch norm" if c.batch_norm else "no batch norm"
    return f"{c.num_blocks} {c.block} {blocks}, {norm}, lr {c.lr:g}, {c.epochs} epochs"
