"""What MLflow's store and W&B's files hold, read as others read them."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

from study.results.paths import ResultsDirectory
from study.tracking.trackers import mlflow_uri

_BLOCK = 32768


@dataclass
class MlflowRun:
    name: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    history: dict[str, list[tuple[int, float]]]


@dataclass
class WandbRun:
    name: str = ""
    group: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)


def mlflow_runs(results: ResultsDirectory) -> list[MlflowRun]:
    """The runs of all experiments, by name."""
    client = MlflowClient(mlflow_uri(results))
    found = client.search_runs([each.experiment_id for each in client.search_experiments()])
    runs = [
        MlflowRun(
            str(run.info.run_name),
            run.info.status,
            run.data.params,
            run.data.tags,
            {
                name: [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)]
                for name in run.data.metrics
            },
        )
        for run in found
    ]
    return sorted(runs, key=lambda run: run.name)


def wandb_runs(results: ResultsDirectory) -> list[WandbRun]:
    """The runs of all offline folders, by name."""
    files = sorted(results.path.glob("wandb/offline-run-*/*.wandb"))
    return sorted((_wandb_run(file) for file in files), key=lambda run: run.name)


def _wandb_run(file: Path) -> WandbRun:
    from wandb.proto import wandb_internal_pb2

    record_type: Any = vars(wandb_internal_pb2)["Record"]
    run = WandbRun()
    for data in _records(file.read_bytes()):
        record = record_type.FromString(data)
        if record.HasField("run"):
            run.name, run.group = record.run.display_name, record.run.run_group
            config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            run.config = {name: value for name, value in config.items() if not name.startswith("_")}
        elif record.HasField("history"):
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            run.history.append((items["_step"], {k: v for k, v in items.items() if not k.startswith("_")}))
    return run


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, whose header of 7 bytes W&B replaces in the first block."""
    place, parts = 7, b""
    while place < len(content):
        left = _BLOCK - place % _BLOCK
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last of several parts
            yield parts
            parts = b""
