"""The trackers that a study asks for."""

import importlib.util
import os
from urllib.parse import quote

from study.results.paths import ResultsDirectory
from study.space import Study
from study.tracking.identity import Identity
from study.tracking.mirror import Tracker
from study.tracking.mlflow import MlflowTracker
from study.tracking.wandb import WandbTracker

# What to import, and how it comes to be there.
_PACKAGES = {"mlflow": "mlflow-skinny", "wandb": "wandb"}


def lacking(study: Study) -> str | None:
    """What is not installed that the study's trackers need, in words; None where nothing is."""
    missing = [name for name in study.track if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    packages = " ".join(_PACKAGES[name] for name in missing)
    return f"track: {' and '.join(missing)} cannot be imported; to install: pip install {packages}"


def trackers_of(study: Study, results: ResultsDirectory) -> list[Tracker]:
    """One for each program that the study names; none of them is opened before there is something to show.

    Raises:
        OSError: tracking.json cannot be read.
    """
    if not study.track:
        return []
    found: list[Tracker] = []
    identity = Identity.of(results.tracking)
    for name in study.track:
        if name == "mlflow":
            found.append(MlflowTracker(mlflow_uri(results), study.name, identity))
        else:
            found.append(WandbTracker(results.path, study.name, identity))
    return found


def mlflow_uri(results: ResultsDirectory) -> str:
    """Where MLflow keeps the runs: what its environment says, else a database in the results directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{quote(str(results.mlflow.resolve()))}"
