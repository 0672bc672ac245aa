"""The paths of a results directory."""

from dataclasses import dataclass
from pathlib import Path

from study.contract import files


@dataclass(frozen=True)
class ResultsDirectory:
    """The paths of a results directory; docs/results-directory.md says what each file holds."""

    path: Path

    @property
    def study(self) -> Path:
        """The study with every default written out."""
        return self.path / files.STUDY

    @property
    def provenance(self) -> Path:
        """Versions, hardware, data and the sessions."""
        return self.path / files.PROVENANCE

    @property
    def plan(self) -> Path:
        """Every configuration, run and pack the plan ever asked for."""
        return self.path / files.PLAN

    @property
    def records(self) -> Path:
        """The study's own append-only records."""
        return self.path / files.RECORDS

    @property
    def trials(self) -> Path:
        """Ray Tune's own directory; one experiment in it for each session."""
        return self.path / files.TRIALS

    @property
    def tensorboard(self) -> Path:
        """Event files for TensorBoard, a folder for each run."""
        return self.path / files.TENSORBOARD

    @property
    def trials_table(self) -> Path:
        """Every run with its state."""
        return self.path / files.TRIALS_TABLE

    @property
    def search(self) -> Path:
        """A search as Optuna's own database."""
        return self.path / files.SEARCH

    @property
    def mlflow(self) -> Path:
        """The runs as MLflow's own database."""
        return self.path / files.MLFLOW

    @property
    def tracking(self) -> Path:
        """What the study is called in other programs."""
        return self.path / files.TRACKING

    @property
    def lock(self) -> Path:
        """Held by the process that runs the study."""
        return self.path / files.LOCK

    def record(self, trial_id: str) -> Path:
        """The record of one configuration."""
        return self.records / f"{trial_id}.jsonl"
