"""The trained network of a run, from a results directory; imports torch, not Ray."""

from pathlib import Path

import torch

from study.data import ImageData, load
from study.plan.planned import RunKey
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import load_study
from study.training.plain import PlainNetwork, normalised, plain_network
from study.tuning.checkpoints import newest_state

__all__ = ["NetworkError", "PlainNetwork", "accuracy", "images_of", "network_of", "normalised"]


class NetworkError(Exception):
    """There is no network of the run; the message says why."""


def network_of(directory: Path, key: RunKey) -> PlainNetwork:
    """The network of a run after the last epoch of its record, in eval mode, on the CPU; nothing is written.

    Its logits are those of the training within rounding: the training sums in another order.

    Args:
        directory: a results directory.
        key: trial_id and seed of the run.

    Raises:
        NetworkError: there is no such run, or no readable checkpoint of its last epoch.
    """
    results = ResultsDirectory(directory)
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    status = ledger.runs.get(key)
    if status is None:
        raise NetworkError(f"{directory}: no run of configuration {key[0]} with seed {key[1]}")
    state, problems = newest_state(ledger, results, status.planned)
    done = status.epochs_done
    if state is None or state["epoch"] != done:
        kept = "none" if state is None else f"that of epoch {state['epoch']} is the newest"
        why = "".join(f"; {problem}" for problem in problems)
        longer = ledger.family(key).longest.trial_id
        hint = f"; it is the beginning of a run of {longer}, whose network there is" if longer != key[0] else ""
        raise NetworkError(
            f"{directory}: no checkpoint of {key[0]} with seed {key[1]} after epoch {done} ({kept}){why}{hint}"
        )
    return plain_network(status.planned.run.configuration, state)


def images_of(directory: Path, data_dir: Path = Path("data")) -> ImageData:
    """The images that a study was trained and tested on, loaded again.

    Raises:
        SpaceError: its study.yaml cannot be read.
        DataError: the images cannot be had.
    """
    study = load_study(directory / "study.yaml")
    return load(study.data, data_dir, validation=study.validation)


@torch.inference_mode()
def accuracy(network: torch.nn.Module, data: ImageData) -> float:
    """Percent of the test images that a network classifies correctly."""
    labels = torch.from_numpy(data.test_labels)
    pairs = zip(normalised(data.test_images).split(1000), labels.split(1000), strict=True)
    correct = sum(int((network(images).argmax(1) == expected).sum()) for images, expected in pairs)
    return 100 * correct / len(labels)
