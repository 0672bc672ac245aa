"""A study's results for a notebook: tables as pandas has them, and the trained networks.

>>> from analysis import load
>>> study = load("tests/data/format1")
>>> study
first: 2 configurations, 4 runs, 12 epochs trained (tests/data/format1)
>>> study.curves.query("seed == 0 and epoch == 3")[["num_blocks", "test_accuracy"]].round(1)
   num_blocks  test_accuracy
2           0           58.6
8           1           55.6
>>> study.trials["state"].value_counts().to_dict()
{'completed': 4}
>>> network = study.network({"num_blocks": 1}, seed=0)
>>> sum(parameter.numel() for parameter in network.parameters())
14776
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import tables
from analysis.findings import Findings, find
from analysis.joined import read_all
from analysis.results import Results
from study.contract.axes import AXES, Value

if TYPE_CHECKING:
    from study.networks import PlainNetwork


def load(directory: str | Path, *more: str | Path) -> "Loaded":
    """Read a results directory, however incomplete, or several as one study.

    Args:
        directory: of a study, such as ``results/depth``.
        more: further directories, whose runs are joined with the first's.

    Raises:
        ResultsError: one holds no results, or their runs do not compare.
    """
    return Loaded(read_all([Path(each).expanduser() for each in (directory, *more)]))


@dataclass(frozen=True, repr=False)
class Loaded:
    """What a results directory holds; every table is a pandas DataFrame.

    Attributes:
        results: as ``analysis.results.read`` gives them.
    """

    results: Results

    @property
    def curves(self) -> pd.DataFrame:
        """A row for each run and epoch: trial_id, stage, the axes, seed, epoch, accuracies (%), train_loss, ..."""
        return self.results.curves

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each run of the plan: trial_id, stage, the axes, seed, state, epochs_done, error, ..."""
        return self.results.runs

    @property
    def study(self) -> dict[str, Any]:
        """study.yaml: the study with every default."""
        return self.results.study

    @property
    def problems(self) -> list[str]:
        """What is missing, torn or out of date in the directory."""
        return self.results.problems

    @cached_property
    def findings(self) -> Findings:
        """Everything that the figures and the report draw on."""
        return find(self.results)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for each configuration: means, standard deviations and 95 % intervals over its finished runs."""
        return tables.summary(self.findings, tables.time_table(self.findings))

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """A row for each comparison of final test accuracy: difference, intervals, verdict, seeds that would decide."""
        return tables.comparison_rows(self.findings, self.findings.comparisons)

    def network(self, configuration: str | Mapping[str, Value], seed: int) -> "PlainNetwork":
        """The trained network of one run, in eval mode, on the CPU, as plain PyTorch layers; needs torch.

        Its input is what ``study.networks.normalised`` makes of images, its output logits (B, classes).

        Args:
            configuration: a trial_id, or values of axes that one configuration alone has.
            seed: of the run.

        Raises:
            KeyError: no configuration, or more than one, has these values.
            NetworkError: there is no checkpoint of the run's last epoch.
        """
        # torch takes seconds to import, and this is the only part of the analysis that needs it.
        from study.networks import network_of

        return network_of(self.results.directory, (self._trial_id(configuration), seed))

    def _trial_id(self, configuration: str | Mapping[str, Value]) -> str:
        if isinstance(configuration, str):
            return configuration
        if unknown := configuration.keys() - AXES.keys():
            raise KeyError(f"not an axis: {', '.join(sorted(unknown))}; the axes are {', '.join(AXES)}")
        rows = self.trials
        for axis, value in configuration.items():
            rows = rows[rows[axis] == value]
        found = sorted(rows["trial_id"].unique())
        if len(found) != 1:
            values = ", ".join(AXES[axis].phrase(value) for axis, value in configuration.items())
            if not found:
                raise KeyError(f"no configuration has {values}")
            raise KeyError(f"{len(found)} configurations have {values}: {', '.join(found[:5])}")
        return found[0]

    def __repr__(self) -> str:
        rows = self.trials
        return (
            f"{self.results.name}: {rows['trial_id'].nunique()} configurations, {len(rows)} runs, "
            f"{len(self.curves)} epochs trained ({self.results.directory})"
        )
