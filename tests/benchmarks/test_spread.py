"""The spread over seeds: its table and what is reckoned from it."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import spread

ROOT = Path(__file__).parents[2]


def studies(*, epochs: int = 30, seeds: int = 6, derived: bool = False, lr: float = 0.01) -> pd.DataFrame:
    """Runs of the notebook's two networks: accuracy is seed + epoch, the loss of conv twice that of residual."""
    rows = [
        {
            "block": block,
            "num_blocks": 10,
            "batch_norm": block == "conv",
            "lr": lr,
            "epochs": epochs,
            "momentum": 0.0,
            "weight_decay": 0.0,
            "batch_size": 128,
            "lr_schedule": "constant",
            "seed": seed,
            "epoch": epoch,
            "derived": derived,
            "train_accuracy": 50.0 + seed,
            "test_accuracy": float(seed + epoch),
            "train_loss": (2.0 if block == "conv" else 1.0) * (1 + seed / 10),
        }
        for block in ("residual", "conv")
        for seed in range(seeds)
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


def test_a_run_counts_once_however_many_studies_have_it_and_derived_ones_never() -> None:
    longer, shorter = studies(epochs=30, seeds=3), studies(epochs=25, seeds=6)
    table = spread.table_of([longer, shorter, studies(epochs=25, seeds=9, derived=True)])
    assert len(table) == 2 * (3 * 30 + 3 * 25)
    curves = spread.curves_of(table, "test_accuracy", 25)
    assert list(curves) == ["10 conv blocks, batch norm", "10 residual blocks, no batch norm"]
    assert [runs.shape for runs in curves.values()] == [(6, 25), (6, 25)]
    assert [len(runs) for runs in spread.curves_of(table, "test_accuracy", 30).values()] == [3, 3]


def test_runs_of_other_recipes_are_not_pooled() -> None:
    with pytest.raises(ValueError, match="differ in lr"):
        spread.table_of([studies(), studies(lr=0.1)])
    with pytest.raises(ValueError, match="schedule"):
        spread.table_of([studies().assign(lr_schedule="cosine")])


def test_the_interval_of_a_standard_deviation_holds_it_in_95_of_100() -> None:
    rng = np.random.default_rng(0)
    inside = [low < 2.0 < high for low, high in map(spread.interval_of_sd, rng.normal(5, 2.0, (4000, 16)))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


def test_a_ratio_is_that_of_the_geometric_means() -> None:
    ratio, low, high = spread.ratio_of_means(np.array([1.0, 1.1, 1.2]), np.array([2.0, 2.2, 2.4]))
    assert ratio == pytest.approx(0.5)
    assert low * high == pytest.approx(0.25)  # symmetric in the logarithm
    assert low < 0.5 < high


def test_what_is_said_of_known_curves() -> None:
    table = spread.table_of([studies()])
    first, *others = spread.all_tables(table)
    sd = f"{math.sqrt(3.5):.2f}"  # of the seeds 0 to 5, in every epoch and every mean
    assert first.count(sd) == 8
    assert others[0].count(sd) == 2 * len(spread.EPOCHS)
    assert others[1].count(" 1.00 |") == len(spread.LENGTHS)
    assert "+1.00" in others[2]
    assert others[3].count("-50.0 [") == 2
    assert others[3].count("+0.00 [") == 4


def test_the_page_shows_the_tables_of_the_kept_runs() -> None:
    page = (ROOT / "docs" / "spread.md").read_text(encoding="utf-8")
    for table in spread.all_tables(pd.read_parquet(spread.FILE)):
        assert table in page, f"docs/spread.md is not up to date: python -m benchmarks.spread\n{table}"
