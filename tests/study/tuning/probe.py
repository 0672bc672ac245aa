"""A trainable that looks around; in a module of its own, its eight processes need not import torch."""

import json
import os
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune


class Probe(tune.Trainable):
    """Says which GPU it was given, and ends only when all the packs that should run at once do."""

    def setup(self, config: dict[str, Any], folder: str = "", together: int = 0) -> None:
        gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        seen = {"gpus": gpus, "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
        Path(folder, f"{config['pack']['pack_id']}.json").write_text(json.dumps(seen))
        self.folder, self.together = Path(folder), together

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Ray may give a pack, whose own process has just started, one that has ended in that moment."""
        return True

    def step(self) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        while len(list(self.folder.glob("*.json"))) < self.together:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(list(self.folder.glob('*.json')))} packs at once")
            time.sleep(0.1)
        return {"done": True, "epoch": 1}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""
