"""How fast models are trained: the notebook's loop, the study's, and Ray Tune end to end, on the same images.

    python -m benchmarks.throughput [--data FOLDER|cifar10|synthetic] [--device cpu|cuda] [--quick] [--out FILE.json]
    python -m benchmarks.throughput --growth        cost against blocks and replicas
    python -m benchmarks.throughput --overhead      cost of report, record and checkpoint; memory of a trial

A model-epoch is one epoch of one run: training on 50,000 images, then accuracy on these and on 10,000 others. The cases
take turns, and the turns are repeated. The table shows medians (min-max); the JSON file beside it every repetition.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import growth, overhead, throughput_cases
from benchmarks.cases import Network
from benchmarks.circumstances import circumstances
from benchmarks.shared_images import TEST, TRAIN, lay_out, load_images, sizes
from benchmarks.shared_images import model_epochs as share_of
from benchmarks.throughput_cases import Images
from study.data import DataError, ImageData

# Shares of the images, and repetitions: enough for a look in three minutes on two cores.
_QUICK_SHARE, _QUICK_REPETITIONS, _QUICK_REPLICAS = 0.05, 2, [5]
Result = tuple[str, dict[str, Any], bool]  # a table, its values, and whether all of it could be measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; the exit status is 0, 1 (a case failed) or 2 (bad input)."""
    options = _parser().parse_args(arguments)
    _settle(options)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("--device cuda: torch sees no CUDA device here", file=sys.stderr)
        return 2
    try:
        data = load_images(options.data, options.data_dir, options.share)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    about = _about(options, data)
    print(_heading(about), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        lay_out(data, Path(folder))
        whole = options.data != "synthetic" and sizes(data) == (TRAIN, TEST)
        images = Images(Path(folder), share_of(data), (options.data, options.data_dir) if whole else None)
        table, values, complete = _measurement(options)(options, images)
    print(f"\n{table}\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(about | values, indent=1) + "\n", encoding="utf-8")
    print(f"written: {options.out}")
    return 0 if complete else 1


def network_of(options: argparse.Namespace) -> Network:
    """The network that the options describe."""
    return Network(options.blocks, options.batch_norm, options.device, options.precision)


def _measurement(options: argparse.Namespace) -> Callable[[argparse.Namespace, Images], Result]:
    if options.growth:
        return lambda o, images: growth.run(network_of(o), images, o.repetitions, o.quick)
    if options.overhead:
        return lambda o, images: overhead.run(network_of(o), images, o.tune_seeds, o.tune_epochs)
    return lambda o, images: throughput_cases.run(
        network_of(o), images, o.repetitions, o.replicas, (o.tune_seeds, o.tune_epochs), o.skip
    )


def _settle(options: argparse.Namespace) -> None:
    """Fill in what was not said, which depends on what is measured and where."""
    if options.share is None:
        options.share = _QUICK_SHARE if options.quick else 1.0
        if options.growth and options.device == "cpu":
            options.share = 0.0128 if options.quick else 0.05
    if options.repetitions is None:
        options.repetitions = _QUICK_REPETITIONS if options.quick else 3
    if options.replicas is None:
        on_gpu = [5, 16, 64, 128]
        options.replicas = on_gpu if options.device != "cpu" else _QUICK_REPLICAS if options.quick else [5, 16]
    if options.out is None:
        kind = "growth" if options.growth else "overhead" if options.overhead else "throughput"
        options.out = Path(__file__).parent / "results" / f"{kind}-{options.device}.json"


def _about(options: argparse.Namespace, data: ImageData) -> dict[str, Any]:
    """What a reader must know of a measurement."""
    train, test = sizes(data)
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "data_dir")}
    settings["data"] = Path(options.data).name
    return circumstances(settings) | {
        "images": {"name": data.name, "train": train, "test": test, "share_of_a_model_epoch": share_of(data)},
    }


def _heading(about: dict[str, Any]) -> str:
    machine, images = about["machine"], about["images"]
    on = f"{machine['cpu']}, {machine['cores']} cores" + "".join(f", {gpu}" for gpu in machine["gpus"])
    heading = f"{about['date'][:16]} UTC, {on}, torch {about['versions'].get('torch')}, images: {images['name']}"
    if (images["train"], images["test"]) != (TRAIN, TEST):
        steps = -(-images["train"] // 128)
        heading += (
            f"\nmeasured on {steps} of 391 steps ({images['train']:,} images) and accuracies on {images['train']:,} + "
            f"{images['test']:,} images,\nboth scaled by the number of images to a whole model-epoch"
        )
    return heading


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", default="synthetic", metavar="FOLDER|cifar10|synthetic", help="default: synthetic, random bytes")
    add("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="as of study.run (default: data)")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--precision", choices=("float32", "tf32", "bf16"), default="float32", help="of the study's loop")
    add("--quick", action="store_true", help="on few images, twice: three minutes on two cores")
    add("--out", type=Path, metavar="FILE.json", help="default: below benchmarks/results")
    add("--share", type=float, help="of CIFAR-10's images that is measured on (default: all; fewer with --quick)")
    add("--repetitions", type=int, help="of all the cases (default: 3)")
    add("--replicas", type=int, nargs="+", help="runs side by side (default: 5 16; more on a GPU)")
    add("--blocks", type=int, default=10, help="of the network (default: 10)")
    add("--batch-norm", action="store_true")
    add("--tune-seeds", type=int, default=5, help="of each trial of Ray Tune (default: 5)")
    add("--tune-epochs", type=int, default=2, help="of each trial of Ray Tune (default: 2)")
    add("--skip", choices=("notebook", "tune"), nargs="+", default=[], help="cases to leave out")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--growth", action="store_true", help="measure cost against blocks and replicas instead")
    what.add_argument("--overhead", action="store_true", help="measure report, record, checkpoint and memory instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
