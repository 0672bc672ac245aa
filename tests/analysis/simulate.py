"""Writes results directories in the study's format, with curves that look like CIFAR-10 training."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from analysis.results import write_curves
from study.contract.axes import AXES
from study.contract.axes import Configuration as Settings
from study.contract.states import Stage

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DEFAULTS = Settings().as_dict()
FORMAT_1_AXES = ("block", "num_blocks", "batch_norm", "lr", "epochs")
Configuration = dict[str, Any]


def notebook_like(c: Configuration) -> float:
    """Return a plausible asymptote of the test accuracy of a configuration, in percent."""
    depth = {0: 52.0, 1: 55.0, 3: 58.0, 5: 59.0, 10: 60.0, 20: 59.0}.get(c["num_blocks"], 58.0)
    rate = -3.0 * abs(np.log10(c["lr"]) + 1.7) ** 1.5
    return float(depth + 2.0 * c["batch_norm"] - 2.5 * (c["block"] == "conv") + rate)


@dataclass(frozen=True)
class Simulation:
    """A study to simulate; every field has the default of a small complete grid.

    stopped, failed: after how many epochs the configuration at a position of the plan ended so. confirmed: positions of
    configurations that are trained again, with fresh seeds, to confirm them. packed: how many configurations share a
    pack. Of configurations that differ in epochs alone the longest is trained, and the others are derived from it.
    """

    space: Mapping[str, Any] = field(default_factory=dict)
    configurations: tuple[Configuration, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    top: Callable[[Configuration], float] = notebook_like
    seed_sd: float = 0.8
    validation: int = 0
    search: Mapping[str, Any] = field(default_factory=lambda: {"algorithm": "grid"})
    scheduler: Mapping[str, Any] = field(default_factory=lambda: {"name": "none"})
    compare: Mapping[str, Any] = field(default_factory=dict)
    diverges: Callable[[Configuration, int], bool] = lambda c, seed: False
    stopped: Mapping[int, int] = field(default_factory=dict)
    failed: Mapping[int, int] = field(default_factory=dict)
    confirmed: tuple[int, ...] = ()
    packed: int = 1
    on_divergence: str = "continue"
    format: int = 2
    ended: bool = True
    devices: tuple[str, ...] = ("cuda:0 (NVIDIA H200)", "cuda:1 (NVIDIA H200)")
    rng: int = 0
    name: str = "depth"

    def plan(self) -> list[Configuration]:
        if self.configurations is not None:
            return [{**DEFAULTS, **c} for c in self.configurations]
        space = {**DEFAULTS, **self.space}
        values = [space[a]["grid"] if isinstance(space[a], dict) else [space[a]] for a in AXES]
        return [dict(zip(AXES, point, strict=True)) for point in itertools.product(*values)]


@dataclass
class Planned:
    """A configuration of a simulated study: where it stands in the plan, its seeds, and what came of it.

    done: epochs of each run. seconds: of the whole configuration by the end of each epoch.
    """

    number: int
    settings: Configuration
    stage: Stage
    seeds: tuple[int, ...]
    state: str
    longest: int
    done: list[int] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def trial_id(self) -> str:
        return f"{self.number:04d}"


def simulate(directory: Path, simulation: Simulation, curves_too: bool = True) -> Path:
    """Write the results directory of a simulated study and return its path."""
    (directory / "records").mkdir(parents=True, exist_ok=True)
    plan = _planned(simulation)
    _train(plan, simulation)
    free = dict.fromkeys(simulation.devices, START)
    rows: list[dict[str, Any]] = []
    trained = [each for each in plan if each.longest == each.number]
    for number, pack in enumerate(_packs(trained, simulation.packed)):
        device = min(free, key=lambda d: free[d])
        parts = [[each, *(p for p in plan if p.longest == each.number != p.number)] for each in pack]
        ended, added = _write_pack(directory, simulation, f"p{number:04d}", parts, device, free[device])
        rows += added
        free[device] = ended + timedelta(seconds=3)
    _write_trials(directory, simulation, sorted(rows, key=lambda row: row["trial_id"]))
    _write_study(directory, simulation)
    _write_provenance(directory, simulation, max(free.values()))
    if simulation.format > 1:
        _write_plan(directory, plan)
    if curves_too:
        write_curves(directory)
    return directory


def _planned(simulation: Simulation) -> list[Planned]:
    plan: list[Planned] = []
    for number, settings in enumerate(simulation.plan()):
        state = "stopped" if number in simulation.stopped else "failed" if number in simulation.failed else "completed"
        plan.append(Planned(number, settings, "explore", simulation.seeds, state, number))
    for position in simulation.confirmed:
        fresh = tuple(max(simulation.seeds) + 1 + seed for seed in simulation.seeds)
        plan.append(Planned(len(plan), plan[position].settings, "confirm", fresh, "completed", len(plan)))
    for one in plan:
        same = [p for p in plan if _parts_of_one_run(p, one)]
        one.longest = max(same, key=lambda p: p.settings["epochs"]).number
    return plan


def _parts_of_one_run(a: Planned, b: Planned) -> bool:
    different = [axis for axis in AXES if a.settings[axis] != b.settings[axis]]
    constant = a.settings["lr_schedule"] == "constant"
    return a.number == b.number or (a.stage == b.stage and different == ["epochs"] and constant)


def _packs(trained: list[Planned], size: int) -> Iterator[list[Planned]]:
    for start in range(0, len(trained), size):
        yield trained[start : start + size]


def _train(plan: list[Planned], simulation: Simulation) -> None:
    """Fill in the numbers: those of the longest runs first, of which the others are the beginning."""
    rng = np.random.default_rng(simulation.rng)
    for each in plan:
        if each.longest != each.number:
            continue
        epochs = each.settings["epochs"]
        done = simulation.stopped.get(each.number, simulation.failed.get(each.number, epochs))
        one = Simulation(**{**vars(simulation), "seeds": each.seeds})
        each.values = accuracies(one, each.settings, max(done, 1), rng)
        pace = (0.8 + 0.4 * each.settings["num_blocks"]) * len(each.seeds) ** 0.5
        each.seconds = np.cumsum(rng.normal(pace, 0.02 * pace, max(done, 1)))
        each.done = [_until(each.values["diverged"][:done, place], simulation) for place in range(len(each.seeds))]
    for each in plan:
        if each.longest != each.number:
            longer = plan[each.longest]
            each.values, each.seconds = longer.values, longer.seconds
            each.done = [min(done, each.settings["epochs"]) for done in longer.done]
            each.state = "derived" if longer.state == "completed" else longer.state


def _until(diverged: np.ndarray, simulation: Simulation) -> int:
    """How many epochs a run is trained for."""
    if simulation.on_divergence == "stop" and diverged.any():
        return int(np.argmax(diverged)) + 1
    return len(diverged)


def accuracies(
    simulation: Simulation, c: Configuration, epochs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return arrays (epochs, seeds): saturating accuracy and loss, with seed and epoch noise."""
    seeds = len(simulation.seeds)
    epoch = np.arange(1, epochs + 1)[:, None]
    top = simulation.top(c) + rng.normal(0, simulation.seed_sd, seeds)
    tau = 6.0 * (1 + c["num_blocks"] / 20) / (1.5 if c["batch_norm"] else 1.0)
    rise = 1 - 0.85 * np.exp(-((epoch / tau) ** 0.7))
    wobble = rng.normal(0, 0.35, (epochs, seeds))
    test = 10 + (top - 10) * rise + wobble
    train = test + 7 * (epoch / 25) ** 1.2 * rise + rng.normal(0, 0.2, (epochs, seeds)) - 1
    result = {
        "train_accuracy": np.clip(train, 8, 99.9),
        "validation_accuracy": np.clip(test + rng.normal(0.2, 0.5, (epochs, seeds)), 8, 99.9),
        "test_accuracy": np.clip(test, 8, 99.9),
        "train_loss": np.clip(2.35 - 1.9 * train / 100, 0.02, None),
    }
    broken = [simulation.diverges(c, seed) for seed in simulation.seeds]
    start = 3 + rng.integers(0, 4, seeds)
    lost = np.array(broken) & (epoch >= start)
    for name, values in result.items():
        values[lost] = np.nan if name == "train_loss" else 10.0
    return {**result, "diverged": lost}


def _write_pack(
    directory: Path, simulation: Simulation, pack: str, parts: list[list[Planned]], device: str, start: datetime
) -> tuple[datetime, list[dict[str, Any]]]:
    """Write the records of configurations that train side by side, and of those derived from them.

    Returns when the pack ended, and the rows of its runs in trials.parquet.
    """
    lines: dict[int, list[dict[str, Any]]] = {each.number: [] for part in parts for each in part}
    ended = start
    for epoch in range(1, max((max(part[0].done) for part in parts), default=0) + 1):
        for part in parts:
            ended += timedelta(seconds=_took(part[0], epoch))
        for part in parts:
            for each in part:
                lines[each.number] += _lines(each, epoch, ended, device, pack, simulation, part[0])
    rows = []
    for part in parts:
        for each in part:
            header: dict[str, Any] = {"format": simulation.format, "trial_id": each.trial_id}
            if simulation.format == 1:
                settings = {axis: each.settings[axis] for axis in FORMAT_1_AXES}
                header |= {"configuration": settings, "seeds": list(each.seeds)}
            else:
                header |= {"stage": each.stage, "configuration": each.settings}
            text = "\n".join(json.dumps(line) for line in [header, *lines[each.number]])
            (directory / "records" / f"{each.trial_id}.jsonl").write_text(text + "\n")
            rows += [_row(each, place, pack, device, start, ended) for place in range(len(each.seeds))]
    return ended, rows


def _took(each: Planned, epoch: int) -> float:
    if epoch > max(each.done):
        return 0.0
    return float(each.seconds[epoch - 1] - (each.seconds[epoch - 2] if epoch > 1 else 0.0))


def _lines(
    each: Planned,
    epoch: int,
    ended: datetime,
    device: str,
    pack: str,
    simulation: Simulation,
    trained: Planned,
) -> list[dict[str, Any]]:
    """The line of an epoch for the runs that have it; nothing where none has."""
    places = [place for place, done in enumerate(each.done) if epoch <= done]
    if not places:
        return []
    index = epoch - 1
    values: dict[str, Any] = {name: table[index, places].tolist() for name, table in each.values.items()}
    values["train_loss"] = [None if np.isnan(x) else x for x in values["train_loss"]]
    if not simulation.validation:
        values["validation_accuracy"] = None
    share = float(each.seconds[index]) / len(each.seeds)
    line: dict[str, Any] = {
        "epoch": epoch,
        "seeds": [each.seeds[place] for place in places],
        "iterations": 391 * epoch,
        "seconds": [share] * len(places),
        **values,
        "finished": ended.isoformat(),
        "host": "node1",
        "device": device,
        "pid": 4000,
        "pack": pack,
    }
    if each is not trained:
        line["derived_from"] = trained.trial_id
    if simulation.format > 1:
        return [line]
    dropped = ("seeds", "pack", "derived_from")
    return [{k: v for k, v in line.items() if k not in dropped} | {"seconds": float(each.seconds[index])}]


def _row(each: Planned, place: int, pack: str, device: str, start: datetime, ended: datetime) -> dict[str, Any]:
    return {
        "trial_id": each.trial_id,
        "stage": each.stage,
        **each.settings,
        "seed": each.seeds[place],
        "state": each.state,
        "epochs_done": each.done[place],
        "error": "RuntimeError: CUDA out of memory" if each.state == "failed" else None,
        "started": start.isoformat(),
        "ended": ended.isoformat(),
        "host": "node1",
        "device": device,
        "pack": pack,
        "directory": f"pack_{pack}",
    }


def _write_trials(directory: Path, simulation: Simulation, rows: list[dict[str, Any]]) -> None:
    if simulation.format == 1:
        first: dict[str, dict[str, Any]] = {}
        for row in rows:
            trial = first.setdefault(row["trial_id"], {**row, "seeds": []})
            trial["seeds"].append(row["seed"])
        dropped = (*(axis for axis in AXES if axis not in FORMAT_1_AXES), "stage", "seed", "state", "pack")
        rows = [
            {k: v for k, v in row.items() if k not in dropped}
            | {"status": "completed" if row["state"] == "derived" else row["state"]}
            for row in first.values()
        ]
    pd.DataFrame(rows).to_parquet(directory / "trials.parquet", index=False)


def _write_plan(directory: Path, plan: list[Planned]) -> None:
    lines: list[dict[str, Any]] = []
    for each in plan:
        settings = {"stage": each.stage, "configuration": each.settings}
        lines.append({"event": "configuration", "trial_id": each.trial_id, **settings})
        lines.append({"event": "runs", "trial_id": each.trial_id, "seeds": list(each.seeds), "reason": "the study"})
    (directory / "plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _write_study(directory: Path, simulation: Simulation) -> None:
    study = {
        "name": simulation.name,
        "question": "How do accuracy and convergence change as residual blocks are added?",
        "data": "cifar10",
        "space": {**DEFAULTS, **simulation.space},
        "seeds": list(simulation.seeds),
        "validation": simulation.validation,
        "search": dict(simulation.search),
        "scheduler": dict(simulation.scheduler),
        "resources": {"cpus": 1, "gpus": "auto"},
        "compare": {
            "across": None,
            "within": None,
            "baseline": None,
            "meaningful_difference": 1.0,
            "thresholds": [40.0, 50.0, 55.0, 60.0],
            "questions": [],
            **simulation.compare,
        },
        "precision": "float32",
        "on_divergence": simulation.on_divergence,
        "checkpoint": {"every": 1, "keep": 2},
    }
    with (directory / "study.yaml").open("w") as file:
        YAML(typ="safe").dump(study, file)


def _write_provenance(directory: Path, simulation: Simulation, ended: datetime) -> None:
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    session = {
        "command": "python -m study.run --space search_spaces/depth.yaml",
        "started": START.isoformat(),
        "ended": ended.isoformat() if simulation.ended else None,
        "outcome": "completed" if simulation.ended else "running",
        "versions": {"python": "3.11.2", "torch": "2.15.0", "ray": "2.60.0"},
        "git": {"commit": "41bb540c0ffee", "dirty": False},
        "hardware": {
            "nodes": [
                {"host": "node1", "cpu": "AMD EPYC 9654", "cores": 16, "memory_gib": 128.0}
                | {"gpus": ["NVIDIA H200", "NVIDIA H200"]}
            ]
        },
    }
    images = 50_000 - simulation.validation
    data = {"name": "CIFAR-10", "fingerprint": "ab" * 32, "train": images}
    data |= {"validation": simulation.validation, "test": 10_000, "classes": classes}
    content = {"format": simulation.format, "data": data, "precision": "float32", "sessions": [session]}
    (directory / "provenance.json").write_text(json.dumps(content, indent=1))


def depth(**changes: Any) -> Simulation:
    """Return the study of search_spaces/depth.yaml: 5 depths x batch norm, 5 seeds, 25 epochs."""
    settings: dict[str, Any] = {
        "space": {"num_blocks": {"grid": [1, 3, 5, 10, 20]}, "batch_norm": {"grid": [False, True]}},
        "compare": {
            "across": "num_blocks",
            "within": "batch_norm",
            "baseline": {"num_blocks": 10, "batch_norm": False},
        },
    }
    return Simulation(**{**settings, **changes})


def corners(**changes: Any) -> Simulation:
    """Return the study of search_spaces/residual_vs_conv.yaml: block x batch norm, 10 blocks."""
    settings: dict[str, Any] = {
        "name": "residual_vs_conv",
        "space": {
            "block": {"grid": ["residual", "conv"]},
            "batch_norm": {"grid": [False, True]},
        },
        "compare": {
            "across": "block",
            "within": "batch_norm",
            "baseline": {"block": "residual", "batch_norm": False},
            "questions": [
                {
                    "name": "residual against conv with batch norm",
                    "a": {"block": "residual", "batch_norm": False},
                    "b": {"block": "conv", "batch_norm": True},
                }
            ],
        },
    }
    return Simulation(**{**settings, **changes})


def search(samples: int = 40, **changes: Any) -> Simulation:
    """Return a random search over every axis with validation and early stopping."""
    rng = np.random.default_rng(7)
    plan = tuple(
        {
            "block": str(rng.choice(["residual", "conv"])),
            "num_blocks": int(rng.choice([1, 3, 5, 10, 20])),
            "batch_norm": bool(rng.random() < 0.5),
            "lr": float(10 ** rng.uniform(-3, 0)),
            "epochs": 25,
        }
        for _ in range(samples)
    )
    settings: dict[str, Any] = {
        "name": "joint",
        "space": {
            "block": {"choice": ["residual", "conv"]},
            "num_blocks": {"choice": [1, 3, 5, 10, 20]},
            "batch_norm": {"choice": [False, True]},
            "lr": {"loguniform": [0.001, 1.0]},
        },
        "configurations": plan,
        "validation": 5000,
        "seeds": (0, 1, 2),
        "search": {"algorithm": "optuna", "samples": samples, "sampler": "tpe", "seed": 0},
        "scheduler": {"name": "asha", "grace_period": 2, "reduction_factor": 4},
        "stopped": {i: (2 if i % 3 else 8) for i in range(samples) if i % 4},
        "diverges": lambda c, seed: c["lr"] > 0.5,
    }
    return Simulation(**{**settings, **changes})
