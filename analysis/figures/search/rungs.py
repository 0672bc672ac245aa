"""Early stopping: every configuration's objective until it was stopped, and how many were left."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.common import NoDataError
from analysis.findings import Findings
from analysis.tried import OBJECTIVES, explored, search_trials


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    curves: trial_id, epoch, value (mean over seeds of the objective) while any of them trained. ends: the last epoch of
    every configuration, with finished and diverged. table: per epoch the number of configurations trained that far.
    """

    curves: pd.DataFrame
    ends: pd.DataFrame
    table: pd.DataFrame
    objective: str
    source: str

    @property
    def more(self) -> dict[str, pd.DataFrame]:
        """The curves as a table beside `table`."""
        return {"_curves": self.curves}


def info(findings: Findings) -> Info:
    """Return the curves of all configurations. Raises NoDataError when no run was stopped early."""
    trials, objective = search_trials(findings)
    if not (findings.results.runs["state"] == "stopped").any():
        raise NoDataError("no run was stopped early by a scheduler")
    curves = explored(findings).groupby(["trial_id", "epoch"])[objective].mean().reset_index()
    curves = curves.rename(columns={objective: "value"})
    trained = findings.results.curves.groupby("trial_id")["epoch"].max()
    curves = curves[curves["epoch"] <= curves["trial_id"].map(trained)]
    ends = trials[["trial_id", "value", "finished", "diverged"]].assign(epoch=trials["trial_id"].map(trained))
    epochs = range(1, int(ends["epoch"].max()) + 1)
    left = [int((ends["epoch"] >= epoch).sum()) for epoch in epochs]
    table = pd.DataFrame({"epoch": epochs, "trials": left})
    return Info(curves, ends, table, objective, f"{findings.source}. Mean over the seeds.")


def draw(info: Info) -> Figure:
    """Draw the curves above the number of configurations left."""
    figure = style.new_figure(6.8, 4.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    colors = style.looks(None, [0, 1])
    lost = info.ends["diverged"]
    kinds = {
        "stopped before": ("0.6", ~info.ends["finished"] & ~lost),
        "trained to the end": (colors[0].color, info.ends["finished"] & ~lost),
        "diverged": (style.BAD, lost),
    }
    kinds = {name: (color, chosen) for name, (color, chosen) in kinds.items() if chosen.any()}
    for color, chosen in kinds.values():
        of_kind = info.curves[info.curves["trial_id"].isin(info.ends.loc[chosen, "trial_id"])]
        lines = [curve[["epoch", "value"]].to_numpy() for _, curve in of_kind.groupby("trial_id")]
        above.add_collection(LineCollection(lines, colors=[color], lw=0.9, alpha=0.7, rasterized=len(lines) > 100))
    early = info.ends[~info.ends["finished"] & ~lost]
    above.plot(early["epoch"], early["value"], "|", color=colors[1].color, ms=7, mew=1.5)
    above.plot(info.ends["epoch"][lost], info.ends["value"][lost], "x", color=style.BAD, ms=4.5)
    above.autoscale_view()
    above.set(ylabel=OBJECTIVES[info.objective])
    below.step(info.table["epoch"], info.table["trials"], where="mid", color="0.2")
    below.set(xlabel="Epoch", ylabel="Configurations\nthat train", ylim=(0, None))
    handles = [
        style.line_handle(name, color=color, marker="x" if name == "diverged" else "", ms=4.5)
        for name, (color, _) in kinds.items()
    ]
    handles.append(style.line_handle("where it stopped", color=colors[1].color, marker="|", ls="", mew=1.5))
    return style.finish(figure, "Search: early stopping", info.source, handles)
