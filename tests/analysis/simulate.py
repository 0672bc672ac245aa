"""Writes results directories in the study's format, with curves that look like CIFAR-10 training."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from analysis.results import AXES, write_curves

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DEFAULTS = {"block": "residual", "num_blocks": 10, "batch_norm": False, "lr": 0.01, "epochs": 25}
Configuration = dict[str, Any]


def notebook_like(c: Configuration) -> float:
    """Return a plausible asymptote of the test accuracy of a configuration, in percent."""
    depth = {0: 52.0, 1: 55.0, 3: 58.0, 5: 59.0, 10: 60.0, 20: 59.0}.get(c["num_blocks"], 58.0)
    rate = -3.0 * abs(np.log10(c["lr"]) + 1.7) ** 1.5
    return float(depth + 2.0 * c["batch_norm"] - 2.5 * (c["block"] == "conv") + rate)


@dataclass(frozen=True)
class Simulation:
    """A study to simulate; every field has the default of a small complete grid."""

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


def simulate(directory: Path, simulation: Simulation, curves_too: bool = True) -> Path:
    """Write the results directory of a simulated study and return its path."""
    (directory / "records").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(simulation.rng)
    free = dict.fromkeys(simulation.devices, START)
    rows = []
    for number, configuration in enumerate(simulation.plan()):
        device = min(free, key=lambda d: free[d])
        row = _write_trial(directory, simulation, number, configuration, rng, device, free[device])
        rows.append(row)
        free[device] = datetime.fromisoformat(row["ended"]) + timedelta(seconds=3)
    pd.DataFrame(rows).to_parquet(directory / "trials.parquet", index=False)
    _write_study(directory, simulation)
    _write_provenance(directory, simulation, max(free.values()))
    if curves_too:
        write_curves(directory)
    return directory


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


def _write_trial(
    directory: Path,
    simulation: Simulation,
    number: int,
    c: Configuration,
    rng: np.random.Generator,
    device: str,
    start: datetime,
) -> dict[str, Any]:
    epochs = c["epochs"]
    done = simulation.stopped.get(number, simulation.failed.get(number, epochs))
    trial_id = f"{number:04d}"
    header = {"format": 1, "trial_id": trial_id, "configuration": c}
    lines = [json.dumps({**header, "seeds": list(simulation.seeds)})]
    values = accuracies(simulation, c, max(done, 1), rng)
    pace = (0.8 + 0.4 * c["num_blocks"]) * len(simulation.seeds) ** 0.5
    seconds = np.cumsum(rng.normal(pace, 0.02 * pace, max(done, 1)))
    for index in range(done):
        ended = start + timedelta(seconds=float(seconds[index]))
        lines.append(_line(values, index, seconds, ended, device, simulation.validation > 0))
    (directory / "records" / f"{trial_id}.jsonl").write_text("\n".join(lines) + "\n")
    status = "stopped" if number in simulation.stopped else "completed"
    failed = number in simulation.failed
    return {
        "trial_id": trial_id,
        **c,
        "seeds": list(simulation.seeds),
        "status": "failed" if failed else status,
        "epochs_done": done,
        "error": "RuntimeError: CUDA out of memory" if failed else None,
        "started": start.isoformat(),
        "ended": (start + timedelta(seconds=float(seconds[-1]))).isoformat(),
        "host": "node1",
        "device": device,
        "directory": f"trial_{trial_id}",
    }


def _line(
    values: dict[str, np.ndarray],
    index: int,
    seconds: np.ndarray,
    ended: datetime,
    device: str,
    validated: bool,
) -> str:
    per_seed: dict[str, Any] = {k: v[index].tolist() for k, v in values.items()}
    per_seed["train_loss"] = [None if np.isnan(x) else x for x in per_seed["train_loss"]]
    if not validated:
        per_seed["validation_accuracy"] = None
    line = {
        "epoch": index + 1,
        "iterations": 391 * (index + 1),
        "seconds": float(seconds[index]),
        **per_seed,
        "finished": ended.isoformat(),
        "host": "node1",
        "device": device,
        "pid": 4000,
    }
    return json.dumps(line)


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
        "on_divergence": "continue",
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
    content = {"format": 1, "data": data, "precision": "float32", "sessions": [session]}
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
