"""What the user sees of a session while it trains: a live table in a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from study.contract.records import EpochLine
from study.plan.packs import Pack, cost
from study.plan.planned import RunKey
from study.results.ledger import Ledger
from study.results.provenance import add_computation
from study.terminal.live_table import Screen, accuracies, summary
from study.terminal.pace import Pace
from study.terminal.phrasing import Verbosity, counted, describe, say, seeds_in_words
from study.terminal.standing import spread, stand, varying_axes

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_TABLES = 0.5
SECONDS_OF_PATIENCE = 20.0
MOST_LINES = 20


class ProgressDisplay:
    """Shows what trains, what is best so far and what is left, and a line for configurations that end.

    Without a terminal (a log file, a batch system) a plain line stands in for the table, twice a minute at most.
    Quiet, only what went wrong is said; verbose, every epoch has a line, and every end however many they are.

    Args:
        console: where to write.
        ledger: knows how far each run is; it may gain runs while this shows them.
        provenance: the file to which is added how the runs are computed.
        verbosity: how much is said.
        expected: model-epochs that the study will come to, asked again and again; 0 where the plan is known.
        waiting: what to say when no pack has started after a while; nothing where None.
    """

    def __init__(
        self,
        console: Console,
        ledger: Ledger,
        provenance: Path,
        *,
        verbosity: Verbosity = "normal",
        expected: Callable[[], int] = lambda: 0,
        waiting: str | None = None,
    ) -> None:
        self._console, self._ledger, self._provenance = console, ledger, provenance
        self._verbosity, self._expected = verbosity, expected
        self._began = self._last_line = time.monotonic()
        self._last_table = float("-inf")
        self._pace = Pace(self._began)
        self._running: dict[str, Pack] = {}
        self._said = 0
        self._live = Live(console=console, transient=True, refresh_per_second=2)
        self._shows_table = console.is_interactive and verbosity != "quiet"
        self._patience = threading.Timer(SECONDS_OF_PATIENCE, lambda: waiting and say(console, waiting))
        self._patience.daemon = True
        self._waits = waiting is not None and verbosity != "quiet"

    def __enter__(self) -> Self:
        if self._shows_table:
            self._live.start()
            self._update()
        if self._waits:
            self._patience.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patience.cancel()
        if self._shows_table:
            self._live.stop()

    def started(self, pack: Pack) -> None:
        """A pack began, or began again."""
        self._patience.cancel()
        self._running[pack.pack_id] = pack
        self._pace.began(pack.pack_id, time.monotonic())
        self._update()

    def computing(self, described: Mapping[str, str]) -> None:
        """How the runs are computed, for the provenance; and a word where that is slow for want of a compiler."""
        add_computation(self._provenance, described)
        if described["backend"].startswith("PyTorch (") and "gpu" not in described:
            reason = described["backend"].removeprefix("PyTorch (").removesuffix(")")
            say(self._console, f"training with PyTorch alone, several times slower than with the CPU kernels: {reason}")

    def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None:
        """The runs of a pack finished an epoch."""
        keys = [(trial_id, seed) for trial_id, line in lines for seed in line["seeds"]]
        work = sum(cost(self._ledger.runs[key].planned.run.configuration) for key in keys)
        self._pace.epoch(pack.pack_id, len(keys), work, time.monotonic())
        if self._verbosity == "verbose":
            for trial_id, line in lines:
                same = [(trial_id, seed) for seed in line["seeds"]]
                say(self._console, f"{self._who(same)} epoch {line['epoch']}: {self._results(same)}")
        self._update()

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""
        say(self._console, "interrupted: stopping the runs, which takes a few seconds ...")

    def ended(self, pack: Pack, error: str | None) -> None:
        """A pack ended by itself, was stopped or failed."""
        self._running.pop(pack.pack_id, None)
        self._pace.ended(pack.pack_id)
        of_one: dict[tuple[str, str], list[RunKey]] = {}
        for run in pack.runs:
            of_one.setdefault((run.trial_id, self._ledger.runs[run.key].state), []).append(run.key)
        for (_, state), keys in of_one.items():
            if state == "failed":
                say(self._console, f"{self._who(keys)} failed: {_last_line(error)}")
            else:
                self._say_end("waiting for the others" if pack.until and state == "interrupted" else state, keys)
        self._update()

    def _say_end(self, state: str, keys: Sequence[RunKey]) -> None:
        """A line, unless so many were said that more would flood the terminal."""
        self._said += 1
        if self._verbosity == "quiet" or (self._verbosity == "normal" and self._said > MOST_LINES + 1):
            return
        if self._verbosity == "normal" and self._said > MOST_LINES:
            say(self._console, "further configurations end without a line of their own; --verbose gives each one")
            return
        epochs = max(self._ledger.runs[key].epochs_done for key in keys)
        say(self._console, f"{self._who(keys)} {state}: {counted(epochs, 'epoch')}, {self._results(keys)}")

    def _who(self, keys: Sequence[RunKey]) -> str:
        configuration = self._ledger.runs[keys[0]].planned.run.configuration
        seeds = seeds_in_words(seed for _, seed in keys)
        varying = varying_axes(status.planned.run.configuration for status in self._ledger.runs.values())
        return f"{keys[0][0]} ({describe(configuration, varying)}), {seeds}"

    def _results(self, keys: Sequence[RunKey]) -> str:
        """What the runs reached, mean ± standard deviation over their seeds."""
        statuses = [self._ledger.runs[key] for key in keys]
        said = accuracies(
            spread(statuses, "train_accuracy"),
            spread(statuses, "validation_accuracy"),
            spread(statuses, "test_accuracy"),
        )
        diverged = sum(status.diverged for status in statuses)
        return ", ".join([*said, f"{diverged} of {len(keys)} diverged"] if diverged else said)

    def _update(self) -> None:
        """The table, or a plain line where there is none; neither more often than is of use."""
        now = time.monotonic()
        if self._shows_table:
            if now - self._last_table > SECONDS_BETWEEN_TABLES:
                self._last_table = now
                standing = stand(self._ledger, list(self._running.values()), self._pace, self._expected())
                self._live.update(Screen(standing, self._began, now), refresh=True)
        elif self._verbosity != "quiet" and now - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = now
            standing = stand(self._ledger, list(self._running.values()), self._pace, self._expected())
            say(self._console, summary(standing))


def _last_line(error: str | None) -> str:
    return ((error or "").strip().splitlines() or ["unknown error"])[-1]
