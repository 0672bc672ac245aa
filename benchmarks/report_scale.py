"""How long and how much memory a full report of a large study takes.

    python -m benchmarks.report_scale [--trials 250 500 1000] [--seeds 5] [--epochs 51]

Simulates a search and a grid of that many trials, then makes each report in a process of its own and
prints its seconds and peak memory. The aim: 1,000 trials x 5 seeds x 51 epochs (255,000 rows) in at
most 60 s and 2 GB on two cores, growing about linearly.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.analysis.simulate import Simulation, search, simulate

ROOT = Path(__file__).parents[1]


def grid(trials: int, seeds: int, epochs: int) -> Simulation:
    """A grid: block x 5 depths x batch norm x as many learning rates as it takes."""
    rates = np.geomspace(0.001, 0.3, max(trials // 20, 1)).round(6).tolist()
    space = {
        "block": {"grid": ["residual", "conv"]},
        "num_blocks": {"grid": [1, 3, 5, 10, 20]},
        "batch_norm": {"grid": [False, True]},
        "lr": {"grid": rates},
        "epochs": epochs,
    }
    baseline = {"block": "residual", "num_blocks": 10, "batch_norm": False}
    compare = {"across": "num_blocks", "within": "batch_norm", "baseline": baseline}
    return Simulation(space=space, seeds=tuple(range(seeds)), compare=compare, name="grid")


def random_search(trials: int, seeds: int, epochs: int) -> Simulation:
    """A random search whose trials all train to the end."""
    study = search(trials, seeds=tuple(range(seeds)), stopped={}, name="search")
    for configuration in study.configurations or ():
        configuration["epochs"] = epochs
    return study


def measure(study: Simulation, directory: Path) -> tuple[float, float]:
    """Seconds and peak GiB of `python -m analysis` on a simulated study."""
    simulate(directory, study)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "analysis", str(directory)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "120"},
    )
    seconds = time.perf_counter() - start
    # Largest child so far: sizes are measured in growing order.
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=51)
    options = parser.parse_args()
    print(f"{'study':8} {'trials':>7} {'rows':>9} {'seconds':>8} {'peak GiB':>9} {'ms/trial':>9}")
    for trials in sorted(options.trials):
        for name, make in (("search", random_search), ("grid", grid)):
            study = make(trials, options.seeds, options.epochs)
            with tempfile.TemporaryDirectory() as folder:
                seconds, peak = measure(study, Path(folder) / name)
            rows = len(study.plan()) * options.seeds * options.epochs
            each = 1000 * seconds / trials
            print(f"{name:8} {trials:7} {rows:9,} {seconds:8.1f} {peak:9.2f} {each:9.1f}")


if __name__ == "__main__":
    main()
