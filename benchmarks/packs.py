"""What a pack costs the driver beside its training: ``python -m benchmarks.packs --packs 200 1000``.

Packs that train nothing go through the ledger and a real Ray Tune on this machine. Prints, for each number of packs,
the seconds and the driver's memory, what a pack takes of the one, and what each pack beyond the first row's takes of
the other; near linear means that these two stay the same.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.contract.axes import Configuration
from study.contract.records import EpochLine
from study.plan.planned import Planned
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packs", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(*measure(options.one))
        return
    print(f"{'packs':>6} {'seconds':>8} {'memory MiB':>11} {'ms a pack':>10} {'KiB a further pack':>19}")
    first: tuple[int, float] | None = None
    for packs in sorted(set(options.packs)):
        # A process each: the most memory that one ever had stays with it.
        command = [sys.executable, "-m", "benchmarks.packs", "--one", str(packs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, memory = map(float, done.stdout.split()[-2:])
        further = f"{1024 * (memory - first[1]) / (packs - first[0]):19.1f}" if first else ""
        first = first or (packs, memory)
        print(f"{packs:6} {seconds:8.1f} {memory:11.0f} {1000 * seconds / packs:10.1f} {further}".rstrip(), flush=True)


def measure(packs: int) -> tuple[float, float]:
    """Seconds that so many packs of one run take, and the most memory of the driver, in MiB."""
    from study.cluster.joining import connected
    from study.growth.supply import FixedPacks
    from study.space import Study
    from study.tuning.tuner import PackSearcher, make_tuner

    with connected(None, str), tempfile.TemporaryDirectory() as folder:
        results = ResultsDirectory(Path(folder))
        results.records.mkdir()
        ledger, _ = open_ledger(results, stop_when_diverged=False)
        ledger.ask_for([Planned(Configuration(lr=1.0 + number, epochs=1), (0,)) for number in range(packs)])
        formed = ledger.form_packs([[run] for run in ledger.remaining()], "session-001")
        given: dict[str, Any] = {}
        study = Study.model_validate({"name": "packs", "space": {}})
        searcher = PackSearcher(FixedPacks(formed), {}, given)
        callback = callback_of(given, ledger)
        tuner = make_tuner(searcher, no_op(), {"CPU": 1.0}, study, results, "session-001", [callback])
        start = time.perf_counter()
        tuner.fit()
        seconds = time.perf_counter() - start
        ledger.interrupt()
        if ledger.outcome != "completed":
            raise SystemExit(f"the packs ended as {ledger.outcome}")
        return seconds, peak_memory()


def no_op() -> Any:
    """A trainable that reports an epoch of its runs without training them."""
    from study.tuning.trainable import PackTrainable

    class NoOp(PackTrainable):
        def setup(self, config: dict[str, Any], data: Any = None, settings: Any = None, all_data: Any = None) -> None:
            self.reset_config(config)

        def step(self) -> dict[str, Any]:
            lines = [(run["trial_id"], line_of(run["seed"])) for run in self._pack["runs"]]
            return {"lines": lines, "done": True, "epoch": 1}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            Path(checkpoint_dir, "state.pt").touch()

    return NoOp


def line_of(seed: int) -> EpochLine:
    return EpochLine(
        epoch=1,
        seeds=[seed],
        iterations=391,
        seconds=[1.0],
        train_loss=[2.0],
        train_accuracy=[10.0],
        validation_accuracy=None,
        test_accuracy=[10.0],
        diverged=[False],
        finished="2026-11-26T00:00:00+00:00",
        host="here",
        device="cpu",
        pid=1,
    )


def callback_of(given: dict[str, Any], ledger: Any) -> Any:
    from study.plan.packs import Pack
    from study.tuning.callback import LedgerCallback

    class Silence:
        def started(self, pack: Pack) -> None: ...

        def computing(self, described: Mapping[str, str]) -> None: ...

        def epoch(self, pack: Pack, lines: Sequence[tuple[str, EpochLine]]) -> None: ...

        def interrupted(self) -> None: ...

        def ended(self, pack: Pack, error: str | None) -> None: ...

    return LedgerCallback(given, ledger, Silence())


def peak_memory() -> float:
    """The most resident memory that this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
