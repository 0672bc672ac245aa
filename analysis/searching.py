"""What a search found: its winners, what they were selected with and what fresh seeds confirm, and what it cost."""

from dataclasses import dataclass

import pandas as pd

from analysis import words
from analysis.axes import STAGE
from analysis.findings import Findings, NoDataError
from analysis.ledger import counted
from analysis.tried import explored, search_trials
from study.contract.axes import AXES


@dataclass(frozen=True)
class Winner:
    """A configuration that was trained again with fresh seeds.

    condition: its number among the findings' conditions. baseline: whether it is what the winners are compared with.
    selected: the mean validation accuracy over the seeds of the search, by which it was chosen, in percent; None of a
    baseline that was not tried. seeds: of the search. confirmed: the test accuracies of the fresh seeds.
    """

    condition: int
    baseline: bool
    selected: float | None
    seeds: int
    confirmed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the confirmed accuracies; NaN before the first."""
        return sum(self.confirmed) / len(self.confirmed) if self.confirmed else float("nan")

    @property
    def spread(self) -> float:
        """Their standard deviation; NaN of fewer than two."""
        return float(pd.Series(self.confirmed).std()) if len(self.confirmed) > 1 else float("nan")

    @property
    def optimism(self) -> float | None:
        """By how much the selection promised more than fresh seeds keep, in percentage points."""
        return None if self.selected is None or not self.confirmed else self.selected - self.mean


def winners(findings: Findings) -> list[Winner]:
    """Return the confirmed configurations, the best of the search first and the baseline last; empty without any."""
    conditions = findings.conditions
    confirmed = [int(str(number)) for number in conditions.index[conditions[STAGE] == "confirm"]]
    if not confirmed:
        return []
    chosen = _selected(findings)
    found = []
    for number in confirmed:
        point = tuple(findings.point(number)[axis] for axis in AXES)
        value, seeds = chosen.get(point, (None, 0))
        runs = findings.runs[findings.runs["condition"] == number]
        values = tuple(map(float, runs["test_accuracy"].dropna()))
        wanted = findings.question.baseline or {}
        baseline = bool(wanted) and all(findings.point(number)[axis] == value for axis, value in wanted.items())
        found.append(Winner(number, baseline, value, seeds, values))
    return sorted(found, key=lambda each: (each.baseline, -(each.selected or 0.0)))


def confirmed_table(findings: Findings) -> pd.DataFrame:
    """Return what was selected and what was confirmed side by side, one row a configuration."""
    return pd.DataFrame(
        {
            "configuration": findings.label(each.condition),
            "role": "baseline" if each.baseline else "winner",
            "selected_with": each.selected,
            "n_search": each.seeds,
            "confirmed_mean": each.mean,
            "confirmed_sd": each.spread,
            "n": len(each.confirmed),
            "optimism": each.optimism,
        }
        for each in winners(findings)
    )


def fates(findings: Findings) -> pd.DataFrame:
    """Return how the configurations of a search ended, and the model-epochs that went into them; empty for a grid."""
    try:
        trials, _ = search_trials(findings)
    except NoDataError:
        return pd.DataFrame()
    stopped = set(findings.results.runs.loc[findings.results.runs["state"] == "stopped", "trial_id"])
    fate = pd.Series("not finished", index=trials["trial_id"])
    fate[trials["trial_id"].isin(stopped).to_numpy()] = "stopped early"
    fate[trials["finished"].to_numpy()] = "finished"
    fate[trials["diverged"].to_numpy()] = "diverged"
    trained = findings.results.curves[~findings.results.curves["derived"]]
    epochs = trained.groupby("trial_id").size().reindex(trials["trial_id"]).fillna(0)
    rows = []
    for name in dict.fromkeys(fate):
        of_it = (fate == name).to_numpy()
        rows.append((name, int(of_it.sum()), int(epochs[of_it].sum())))
    confirming = trained[trained[STAGE] == "confirm"]
    if len(confirming):
        rows.append(("confirmed", confirming["trial_id"].nunique(), len(confirming)))
    table = pd.DataFrame(rows, columns=["fate", "configurations", "model_epochs"])
    return table.assign(share=100 * table["model_epochs"] / max(int(table["model_epochs"].sum()), 1))


def lines(findings: Findings) -> list[str]:
    """Return the selection and its confirmation, and the cost, in words; empty for a grid."""
    found, said = winners(findings), []
    best = next((each for each in found if not each.baseline and each.confirmed), None)
    if best is not None and best.selected is not None and best.optimism is not None:
        text = (
            f"Selected with {best.selected:.2f} % validation accuracy (mean of {counted(best.seeds, 'seed')}); fresh "
            f"seeds confirm {words.mean_sd(best.mean, best.spread)} % test accuracy (n = {len(best.confirmed)})"
        )
        said.append(f"{text}: {best.optimism:.2f} points less than promised" if best.optimism > 0 else text)
    table = fates(findings)
    if len(table):
        parts = (f"{row.model_epochs:,} {row.fate} ({row.configurations})" for row in table.itertuples())
        total = int(table["model_epochs"].sum())
        said.append(f"Spent {counted(total, 'model-epoch')}, by fate (configurations): {', '.join(parts)}")
    return said


def _selected(findings: Findings) -> dict[tuple[object, ...], tuple[float, int]]:
    """By configuration, the value that the search saw and its number of seeds."""
    curves = explored(findings)
    curves = curves[curves["validation_accuracy"].notna()]
    last = curves.sort_values("epoch").groupby(["trial_id", "seed"]).tail(1)
    return {
        tuple(rows[axis].iloc[0] for axis in AXES): (float(rows["validation_accuracy"].mean()), len(rows))
        for _, rows in last.groupby("trial_id")
    }
