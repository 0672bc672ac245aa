"""What a search found, as tables and lines: its winners with what fresh seeds confirm of them, and what it cost."""

import pandas as pd

from analysis import words
from analysis.axes import STAGE
from analysis.findings import Findings, NoDataError
from analysis.ledger import counted
from analysis.tried import search_trials


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
        for each in findings.winners
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
    said: list[str] = []
    best = next((each for each in findings.winners if not each.baseline and each.confirmed), None)
    if best is not None and best.selected is not None and best.optimism is not None:
        text = (
            f"Selected with {best.selected:.2f} % validation accuracy ({counted(best.seeds, 'seed')}); fresh "
            f"seeds confirm {words.mean_sd(best.mean, best.spread)} % test accuracy (n = {len(best.confirmed)})"
        )
        said.append(f"{text}: {best.optimism:.2f} points less than promised" if best.optimism > 0 else text)
    table = fates(findings)
    if len(table):
        parts = (f"{row.model_epochs:,} {row.fate} ({row.configurations})" for row in table.itertuples())
        total = int(table["model_epochs"].sum())
        said.append(f"Spent {counted(total, 'model-epoch')}, by fate (configurations): {', '.join(parts)}")
    return said
