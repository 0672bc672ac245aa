"""The files of a simulated study, as a study writes them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from study.contract.axes import AXES
from tests.analysis.simulation import DEFAULTS, Planned, Simulation

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FORMAT_1_AXES = ("block", "num_blocks", "batch_norm", "lr", "epochs")


def write_pack(
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


def write_trials(directory: Path, simulation: Simulation, rows: list[dict[str, Any]]) -> None:
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


def write_plan(directory: Path, plan: list[Planned]) -> None:
    lines: list[dict[str, Any]] = []
    for each in plan:
        settings = {"stage": each.stage, "configuration": each.settings}
        lines.append({"event": "configuration", "trial_id": each.trial_id, **settings})
        lines.append({"event": "runs", "trial_id": each.trial_id, "seeds": list(each.seeds), "reason": "the study"})
    (directory / "plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_study(directory: Path, simulation: Simulation) -> None:
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


def write_provenance(directory: Path, simulation: Simulation, ended: datetime) -> None:
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
