"""All that is to be measured first on a GPU, in one call of under ten minutes.

    python -m benchmarks.gpu --out DIR [--minutes 9]
    python -m benchmarks.gpu --out DIR --device cpu --quick      the same script on tiny sizes, to see that it works

The parts follow each other, each in a process of its own with a limit of its own; what a part does not need is left to
those after it. Every result is in DIR/results.json as soon as it is there, so that an end at any moment loses nothing;
DIR/results.md holds the tables, and names what was not measured and why. DIR/log.txt holds what the processes said.

Needs PyTorch, numpy and pytest, and for the notebook's loop torchvision and Pillow; no data set and no Ray.
"""

import argparse
import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_plan, gpu_tables
from benchmarks.gpu_plan import Part
from benchmarks.processes import ROOT, last_line

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; the exit status is 0, 1 (something was not measured, or is wrong) or 2 (no GPU)."""
    options = _parser().parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch sees no CUDA device here; --device cpu --quick shows that the script runs", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    planned = gpu_plan.quick_parts(options.device) if options.quick else gpu_plan.parts(options.device)
    parts = [part for part in planned if part.name in options.parts]
    everything: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": options.device,
        "quick": options.quick,
        "parts": {},
    }
    for number, part in enumerate(parts):
        left = start + 60 * options.minutes - time.monotonic()
        limit = max(1.0, left * part.weight / sum(each.weight for each in parts[number:]))
        found = everything["parts"][part.name] = {"limit_s": round(limit), "seconds": 0.0, "results": []}
        print(f"{part.name}: {len(part.cases)} cases, {limit:.0f} s at most", flush=True)
        began = time.monotonic()

        def save(result: Result, found: dict[str, Any] = found, began: float = began) -> None:
            found["results"].append(result)
            found["seconds"] = round(time.monotonic() - began, 1)
            _write(options.out, everything)

        command = [sys.executable, "-m", "benchmarks.gpu_worker", part.name]
        run_part(part, command, limit, options.out / "log.txt", save)
    tables = gpu_tables.markdown_of(everything)
    print(f"\n{tables}\nwritten: {options.out / 'results.json'}, {options.out / 'results.md'}")
    return 1 if gpu_tables.problems(everything) else 0


def run_part(part: Part, command: Sequence[str], limit: float, log: Path, save: Callable[[Result], None]) -> None:
    """Measure the cases of a part in a process, and in a new one those that are left where it ends early.

    Args:
        part: its cases.
        command: of the process: reads the cases, prints a line of JSON for each.
        limit: seconds for all of them.
        log: where its errors go.
        save: takes the result of each case as soon as it is there.
    """
    left = list(part.cases)
    deadline = time.monotonic() + limit
    while left and time.monotonic() < deadline:
        count = len(left)
        ended = _run_once(command, left, deadline, log, save)
        if time.monotonic() >= deadline:
            break
        if left and len(left) == count:
            save({"case": left.pop(0), "found": None, "problem": f"its process ended: {ended}"})
    for case in left:
        save({"case": case, "found": None, "problem": f"no time: this part's {limit:.0f} s were over"})


def _run_once(
    command: Sequence[str], left: list[Result], deadline: float, log: Path, save: Callable[[Result], None]
) -> str:
    """One process; takes the cases that it has measured out of ``left``, and returns how it ended."""
    with log.open("a+", encoding="utf-8") as errors:
        place = errors.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
        # With all that it has started: pytest, loaders, compilers.
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _kill, [process])
        timer.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.closing(process.stdout) as lines, contextlib.suppress(BrokenPipeError):
                with process.stdin:
                    json.dump(left, process.stdin)
                for line in lines:
                    save({"case": left.pop(0), **json.loads(line)})
        finally:
            timer.cancel()
            _kill(process)  # and what it has left behind
            process.wait()
        errors.seek(place)
        return last_line(errors.read()) or f"exit status {process.returncode}"


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _write(folder: Path, everything: dict[str, Any]) -> None:
    """Each file whole at any moment."""
    texts = {"results.json": json.dumps(everything, indent=1) + "\n", "results.md": gpu_tables.markdown_of(everything)}
    for name, text in texts.items():
        new = folder / f".{name}"
        new.write_text(text, encoding="utf-8")
        new.replace(folder / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="where results go")
    add("--minutes", type=float, default=9.0, help="for everything (default: 9)")
    add("--device", default="cuda", choices=("cuda", "cpu"))
    add("--quick", action="store_true", help="tiny sizes: shows that everything runs, and measures nothing")
    add(
        "--parts",
        nargs="+",
        default=gpu_plan.NAMES,
        choices=gpu_plan.NAMES,
        metavar="PART",
        help=f"some of {', '.join(gpu_plan.NAMES)} (default: all)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
