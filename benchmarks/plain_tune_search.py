"""A search of the digits by Ray Tune alone: python -m benchmarks.plain_tune_search LOOP SEED SAMPLES OUT

``OptunaSearch`` and ``ASHAScheduler`` over single runs, as one writes it by hand. LOOP is what a trial trains with:
``study``, this project's training loop, or ``pytorch``, a loop in the style of Ray's example tune_pytorch_asha. OUT
takes the winner.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch import from_numpy, no_grad
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import load
from study.training.loop import train
from study.training.plain import PlainNetwork, normalised

EPOCHS, VALIDATION = 9, 200


def study_loop(config: dict[str, Any]) -> None:
    """A trial with this project's training loop."""
    data = load("digits", Path(), validation=VALIDATION)
    run = Run(Configuration.of({**config, "epochs": EPOCHS}), int(np.random.default_rng().integers(2**31)))
    for results in train([run], data):
        tune.report({"validation_accuracy": results[0].validation_accuracy})


def pytorch_loop(config: dict[str, Any]) -> None:
    """A trial with a loop as one writes it by hand.

    Ray cannot pickle a function of this module that speaks of ``torch`` and of ``classes``, for there is torch.classes.
    """
    data = load("digits", Path(), validation=VALIDATION)
    train_set, validation_set = (
        TensorDataset(normalised(images), from_numpy(labels))
        for images, labels in (
            (data.train_images, data.train_labels),
            (data.validation_images, data.validation_labels),
        )
    )
    network = PlainNetwork(Configuration.of({**config, "epochs": EPOCHS}), len(data.classes))
    optimizer = SGD(network.parameters(), lr=config["lr"])
    for _ in range(EPOCHS):
        network.train()
        for images, labels in DataLoader(train_set, batch_size=128, shuffle=True):
            optimizer.zero_grad()
            cross_entropy(network(images), labels).backward()
            optimizer.step()
        network.eval()
        correct = 0
        with no_grad():
            for images, labels in DataLoader(validation_set, batch_size=128):
                correct += int((network(images).argmax(dim=1) == labels).sum())
        tune.report({"validation_accuracy": 100 * correct / len(validation_set)})


def main() -> None:
    loop, seed, samples, out = sys.argv[1:]
    folder = str(Path(out).absolute().parent / "ray_results")
    tuner = tune.Tuner(
        tune.with_resources({"study": study_loop, "pytorch": pytorch_loop}[loop], {"cpu": 1}),
        tune_config=tune.TuneConfig(
            metric="validation_accuracy",
            mode="max",
            search_alg=OptunaSearch(seed=int(seed)),
            scheduler=ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3),
            num_samples=int(samples),
        ),
        run_config=tune.RunConfig(storage_path=folder),
        param_space={
            "block": tune.choice(["residual", "conv"]),
            "num_blocks": tune.choice([1, 2, 3, 5]),
            "batch_norm": tune.choice([False, True]),
            "lr": tune.loguniform(0.003, 1.0),
        },
    )
    results = tuner.fit()
    best = results.get_best_result()
    assert best.metrics is not None
    spent = sum(int(each.metrics["training_iteration"]) for each in results if each.metrics)
    found = {"configuration": best.config, "selected": best.metrics["validation_accuracy"], "model_epochs": spent}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
