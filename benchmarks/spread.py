"""How much the seed moves the accuracy, from studies with many seeds: the tables of docs/spread.md.

    python -m benchmarks.spread                           from the table that is kept, in seconds
    python -m benchmarks.spread --from RESULTS [MORE ...]  from results directories; writes the table anew

The runs are those of search_spaces/spread.yaml and search_spaces/notebook.yaml, which take hours of two cores. Runs
that differ in their number of epochs alone count as the same network, seed by seed: with a constant learning rate one
is the beginning of the other.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from analysis import load
from benchmarks.tables import markdown
from study.contract.axes import AXES

FILE = Path(__file__).parent / "data" / "spread.parquet"
EPOCH = 25
LENGTHS = (1, 3, 5, 10)  # of the means over the last epochs
EPOCHS = (1, 3, 5, 10, 15, 20, 25)
_MEASURES = ("train_accuracy", "test_accuracy", "train_loss")
_NETWORK = ("block", "num_blocks", "batch_norm")

# By the name of a network a row for each seed, a column for each epoch.
Curves = Mapping[str, pd.DataFrame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="results", nargs="+", metavar="RESULTS", help="results directories to read")
    arguments = parser.parse_args()
    if arguments.results:
        table_of([load(each).curves for each in arguments.results]).to_parquet(FILE, index=False)
    print("\n\n".join(all_tables(pd.read_parquet(FILE))))


def table_of(studies: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A row for each network, seed and epoch of the studies; a run that several have counts once.

    Raises:
        ValueError: networks differ in more than their blocks, batch norm and epochs.
    """
    rows = pd.concat(studies)
    rows = rows[~rows["derived"]]
    others = [name for name in AXES if name not in (*_NETWORK, "epochs")]
    if varied := [name for name in others if rows[name].nunique() > 1]:
        raise ValueError(f"these studies differ in {', '.join(varied)}: their runs are of different recipes")
    if (rows["lr_schedule"] != "constant").any():
        raise ValueError("with a schedule a short run is not the beginning of a longer one")
    rows = rows.sort_values([*_NETWORK, "seed", "epoch", "epochs"]).drop_duplicates([*_NETWORK, "seed", "epoch"])
    kept = rows[[*_NETWORK, "seed", "epoch", *_MEASURES]].reset_index(drop=True)
    return kept.astype(dict.fromkeys(_MEASURES, "float32") | {"seed": "int16", "epoch": "int16"})


def all_tables(table: pd.DataFrame) -> list[str]:
    """Every table of the page, in Markdown."""
    curves = curves_of(table, "test_accuracy", EPOCH)
    return [spreads(curves), by_epoch(curves), equality(curves), correlations(table), claims(table)]


def curves_of(table: pd.DataFrame, measure: str, epochs: int) -> Curves:
    """The runs of each network that have come so far: a row a seed, a column an epoch."""
    found = {}
    for _, rows in table.groupby(list(_NETWORK)):
        block, number, batch_norm = (rows[name].iloc[0] for name in _NETWORK)
        wide = rows.pivot_table(index="seed", columns="epoch", values=measure).loc[:, :epochs].dropna()
        if wide.shape[1] == epochs and len(wide) > 1:
            found[f"{number} {block} blocks, {'batch norm' if batch_norm else 'no batch norm'}"] = wide
    return found


def spreads(curves: Curves) -> str:
    """Mean and standard deviation of each network, with its 95 % interval, and what means over epochs change of it."""
    heads = ["test accuracy (%)", "runs", "mean", "mean, last 5", "sd [95 %]"]
    heads += [f"sd, last {k}" for k in LENGTHS[1:]]
    heads += ["lowest", "highest"]
    lines = []
    for name, runs in curves.items():
        final = runs.iloc[:, -1]
        low, high = interval_of_sd(final.to_numpy())
        lines.append(
            [
                name,
                str(len(final)),
                f"{final.mean():.2f}",
                f"{runs.iloc[:, -5:].mean(axis=1).mean():.2f}",
                f"{final.std():.2f} [{low:.2f}, {high:.2f}]",
                *(f"{runs.iloc[:, -k:].mean(axis=1).std():.2f}" for k in LENGTHS[1:]),
                f"{final.min():.2f}",
                f"{final.max():.2f}",
            ]
        )
    return markdown(heads, lines)


def by_epoch(curves: Curves) -> str:
    """The standard deviation after some epochs."""
    heads = ["sd after epoch", *map(str, EPOCHS)]
    return markdown(heads, [[name, *(f"{runs[each].std():.2f}" for each in EPOCHS)] for name, runs in curves.items()])


def equality(curves: Curves) -> str:
    """Whether the spreads are alike: Bartlett's test (1937), for normal values, and Brown and Forsythe's (1974)."""
    lines = []
    for k in LENGTHS:
        values = [runs.iloc[:, -k:].mean(axis=1).to_numpy() for runs in curves.values()]
        deviations = [each.std(ddof=1) for each in values]
        tests = (stats.bartlett(*values), stats.levene(*values, center="median"))
        ratio = max(deviations) / min(deviations)
        words = "the last epoch" if k == 1 else f"the last {k}"
        lines.append([words, f"{ratio:.2f}", *(f"{each.pvalue:.3f}" for each in tests)])
    return markdown(["mean over", "largest sd / smallest", "p, Bartlett", "p, Brown-Forsythe"], lines)


def correlations(table: pd.DataFrame) -> str:
    """Over common seeds: between networks, and between an early and the last epoch of the same runs; by Fisher's z."""
    curves = curves_of(table, "test_accuracy", EPOCH)
    pairs = [(f"{a}; {b}", curves[a].iloc[:, -1], curves[b].iloc[:, -1]) for a, b in combinations(curves, 2)]
    last = int(table["epoch"].max())
    for name, runs in curves_of(table, "test_accuracy", last).items():
        pairs.append((f"{name}: epochs {EPOCH} and {last} of the same runs", runs.loc[:, EPOCH], runs.loc[:, last]))
    lines = []
    for words, a, b in pairs:
        both = pd.concat([a, b], axis=1, join="inner").to_numpy()
        found = stats.pearsonr(both[:, 0], both[:, 1])
        low, high = found.confidence_interval(0.95)
        lines.append([words, str(len(both)), f"{found.statistic:+.2f} [{low:+.2f}, {high:+.2f}]"])
    return markdown(["pair", "seeds", "correlation [95 %]"], lines)


def claims(table: pd.DataFrame) -> str:
    """Residual without batch norm against conv with it, as the notebook compared them: accuracies and training loss."""
    lines = []
    for epochs in sorted({EPOCH, int(table["epoch"].max())}):
        for measure, words in (("train_accuracy", "train accuracy (%)"), ("test_accuracy", "test accuracy (%)")):
            ours, theirs = _last(table, measure, epochs)
            found = stats.ttest_ind(ours, theirs, equal_var=False)
            low, high = found.confidence_interval(0.95)
            difference = ours.mean() - theirs.mean()
            lines.append(_claim(words, epochs, ours, theirs, f"{difference:+.2f} [{low:+.2f}, {high:+.2f}] points"))
        ours, theirs = _last(table, "train_loss", epochs)
        ratio, low, high = (100 * (each - 1) for each in ratio_of_means(ours, theirs))
        lines.append(_claim("training loss", epochs, ours, theirs, f"{ratio:+.1f} [{low:+.1f}, {high:+.1f}] %"))
    return markdown(["", "epoch", "runs", "residual, no batch norm", "conv, batch norm", "difference [95 %]"], lines)


def interval_of_sd(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a standard deviation, of normal values (by the chi-squared distribution)."""
    n = len(values)
    high, low = np.sqrt((n - 1) / stats.chi2.ppf([0.025, 0.975], n - 1)) * values.std(ddof=1)
    return float(low), float(high)


def ratio_of_means(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """a / b of positive values, with its 95 % interval: Welch's, of the logarithms (a ratio of geometric means)."""
    found = stats.ttest_ind(np.log(a), np.log(b), equal_var=False)
    low, high = np.exp(found.confidence_interval(0.95))
    return float(np.exp(np.log(a).mean() - np.log(b).mean())), float(low), float(high)


def _last(table: pd.DataFrame, measure: str, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    curves = curves_of(table, measure, epochs)
    names = ("10 residual blocks, no batch norm", "10 conv blocks, batch norm")
    ours, theirs = (curves[name].iloc[:, -1].to_numpy() for name in names)
    return ours, theirs


def _claim(words: str, epochs: int, ours: np.ndarray, theirs: np.ndarray, difference: str) -> list[str]:
    digits = 3 if "loss" in words else 2
    runs = f"{len(ours)}, {len(theirs)}"
    sides = [f"{each.mean():.{digits}f} ± {each.std(ddof=1):.{digits}f}" for each in (ours, theirs)]
    return [words, str(epochs), runs, *sides, difference]


if __name__ == "__main__":
    main()
