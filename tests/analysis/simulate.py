"""Writes results directories in the study's format, with curves that look like CIFAR-10 training."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from analysis.results import write_curves
from tests.analysis.simulated_files import START, write_pack, write_plan, write_provenance, write_study, write_trials
from tests.analysis.simulation import Configuration, Simulation, packs, planned, train

__all__ = ["Configuration", "Simulation", "corners", "depth", "search", "simulate"]


def simulate(directory: Path, simulation: Simulation, curves_too: bool = True) -> Path:
    """Write the results directory of a simulated study and return its path."""
    (directory / "records").mkdir(parents=True, exist_ok=True)
    plan = planned(simulation)
    train(plan, simulation)
    free = dict.fromkeys(simulation.devices, START)
    rows: list[dict[str, Any]] = []
    trained = [each for each in plan if each.longest == each.number]
    for number, pack in enumerate(packs(trained, simulation.packed)):
        device = min(free, key=lambda d: free[d])
        parts = [[each, *(p for p in plan if p.longest == each.number != p.number)] for each in pack]
        ended, added = write_pack(directory, simulation, f"p{number:04d}", parts, device, free[device])
        rows += added
        free[device] = ended + timedelta(seconds=3)
    write_trials(directory, simulation, sorted(rows, key=lambda row: row["trial_id"]))
    write_study(directory, simulation)
    write_provenance(directory, simulation, max(free.values()))
    if simulation.format > 1:
        write_plan(directory, plan)
    if curves_too:
        write_curves(directory)
    return directory


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
