"""The same search by this project and by Ray Tune alone: wall time, and what fresh seeds confirm of the winner.

    python -m benchmarks.plain_tune [--searches 3] [--samples 40] [--results FILE.jsonl]

TPE and ASHA over the space of ``benchmarks.search_table`` on the embedded digits, one seed a configuration, by three
ways that take turns: ``study.run``; Ray Tune as one writes it, with this project's training loop; the same with a plain
PyTorch loop (see ``benchmarks.plain_tune_search``). A search is a command, timed from its start to its end. Its winner
then trains with four fresh seeds on all training images, not timed: the mean test accuracy is the confirmed one.
"""

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.kept import Kept, OtherSettingsError
from benchmarks.processes import ROOT, last_line, say_what_runs
from benchmarks.tables import markdown, with_extremes
from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import load
from study.growth.scores import ranked, scores
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.training.loop import train

STUDY, TUNE, PYTORCH = "study.run", "Ray Tune alone", "Ray Tune alone, PyTorch loop"
WAYS = (STUDY, TUNE, PYTORCH)
FRESH = range(10_000, 10_004)  # seeds
SPACE = """\
name: search
data: digits
space:
  block: {choice: [residual, conv]}
  num_blocks: {choice: [1, 2, 3, 5]}
  batch_norm: {choice: [false, true]}
  lr: {loguniform: [0.003, 1.0]}
  epochs: 9
seeds: 1
validation: 200
scheduler: {name: asha, grace_period: 1, reduction_factor: 3}
"""


class SearchError(Exception):
    """A search has failed; the message says why."""


def search(way: str, seed: int, samples: int) -> dict[str, Any]:
    """Run a search: its seconds, model-epochs, winner, and the winner's validation accuracy.

    Raises:
        SearchError: the command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        if way == STUDY:
            space = Path(folder, "space.yaml")
            space.write_text(SPACE + f"search: {{algorithm: optuna, samples: {samples}, sampler: tpe, seed: {seed}}}\n")
            command = ["study.run", "--space", str(space), "--results", str(out), "--no-report"]
        else:
            loop = "study" if way == TUNE else "pytorch"
            command = ["benchmarks.plain_tune_search", loop, str(seed), str(samples), str(out)]
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SearchError(f"{way}: {last_line(done.stderr) or f'exit status {done.returncode}'}")
        return {"seconds": seconds} | (found_by_study(out) if way == STUDY else json.loads(out.read_text()))


def found_by_study(results: Path) -> dict[str, Any]:
    """The winner of a study's search, as ``confirm`` would take it."""
    ledger, _ = open_ledger(ResultsDirectory(results), stop_when_diverged=True)
    best = ranked(scores(ledger))[0]
    spent = sum(status.epochs_done for status in ledger.runs.values())
    axes = ("block", "num_blocks", "batch_norm", "lr")
    configuration = {axis: best.configuration.as_dict()[axis] for axis in axes}
    return {"configuration": configuration, "selected": best.value, "model_epochs": spent}


def confirmed(configuration: Mapping[str, Any], epochs: int = 9) -> float:
    """The mean test accuracy of fresh seeds, in percent."""
    runs = [Run(Configuration.of({**configuration, "epochs": epochs}), seed) for seed in FRESH]
    *_, last = train(runs, load("digits", Path(), validation=0))
    return math.fsum(result.test_accuracy for result in last) / len(last)


def table(lines: list[dict[str, Any]]) -> str:
    """A line a way: medians and extremes over its searches."""
    cells = []
    reference = {line["number"]: line["seconds"] for line in lines if line["way"] == STUDY}
    for way in WAYS:
        ours = [line for line in lines if line["way"] == way]
        ratios = [line["seconds"] / reference[line["number"]] for line in ours if line["number"] in reference]
        cells.append(
            [
                way,
                str(len(ours)),
                with_extremes([line["seconds"] for line in ours], 0),
                with_extremes(ratios, 2),
                with_extremes([line["model_epochs"] for line in ours], 0),
                with_extremes([line["selected"] for line in ours], 2),
                with_extremes([line["confirmed"] for line in ours], 2),
            ]
        )
    headings = ["way to search", "n", "seconds", "x study.run's", "model-epochs", "selected with %", "confirmed %"]
    return markdown(headings, cells)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plain_tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--searches", type=int, default=3, help="of each way, seeds 0 and on (default: 3)")
    parser.add_argument("--samples", type=int, default=40, help="configurations of a search (default: 40)")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="keep searches there, and go on with those")
    options = parser.parse_args()
    try:
        kept = Kept(options.results, {"samples": options.samples})
        for number, way in itertools.product(range(options.searches), WAYS):
            if all((line["way"], line["number"]) != (way, number) for line in kept.lines):
                say_what_runs(f"{way}, search {number + 1} of {options.searches}")
                found = search(way, number, options.samples)
                kept.add({"way": way, "number": number, **found, "confirmed": confirmed(found["configuration"])})
    except (OtherSettingsError, SearchError) as error:
        print(error, file=sys.stderr)
        return 2
    say_what_runs("")
    print(table(kept.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
