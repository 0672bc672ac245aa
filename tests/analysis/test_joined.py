import json
from pathlib import Path

import pytest

from analysis.findings import find
from analysis.joined import read_all
from analysis.results import ResultsError
from tests.analysis.simulate import corners, depth, simulate


def test_seeds_trained_in_different_places_are_one_condition(tmp_path: Path) -> None:
    here = simulate(tmp_path / "here", corners(seeds=(0, 1, 2)))
    there = simulate(tmp_path / "there", corners(seeds=(3, 4), rng=1))
    found = find(read_all([here, there]))
    assert found.problems == ()
    assert len(found.conditions) == 4
    assert found.runs.groupby("condition")["seed"].agg(list).tolist() == [[0, 1, 2, 3, 4]] * 4
    assert found.conditions["planned"].tolist() == [5] * 4
    assert found.results.log["pack"].nunique() == 8, "packs of different directories are different packs"


def test_a_run_that_stands_in_both_counts_once_where_it_came_furthest(tmp_path: Path) -> None:
    here = simulate(tmp_path / "here", corners(seeds=(0, 1), failed={0: 3}))
    there = simulate(tmp_path / "there", corners(seeds=(1, 2), rng=1))
    joined = read_all([here, there])
    assert len(joined.runs) == 4 * 3
    first = joined.runs[joined.runs["trial_id"] == "0000"]
    assert first[["seed", "epochs_done"]].values.tolist() == [[0, 3], [1, 25], [2, 25]]
    assert len(joined.curves) == 3 + 25 * 11
    assert not joined.curves.duplicated(["trial_id", "seed", "epoch"]).any()


def test_configurations_of_one_directory_alone_carry_its_name(tmp_path: Path) -> None:
    here = simulate(tmp_path / "here", corners(seeds=(0,)))
    there = simulate(tmp_path / "there", depth(seeds=(0,)))
    trials = read_all([here, there]).runs["trial_id"].unique().tolist()
    assert "there/0000" in trials
    assert "there/0006" not in trials, "residual, 10 blocks, no batch norm: the first directory's 0000"
    assert len(trials) == 4 + 10 - 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"validation": 5000}, "validation: 5000 and 0"), ({"on_divergence": "stop"}, "on_divergence: stop")],
)
def test_runs_that_do_not_compare_are_not_joined(tmp_path: Path, changes: dict, said: str) -> None:
    here = simulate(tmp_path / "here", corners(seeds=(0,)))
    there = simulate(tmp_path / "there", corners(seeds=(1,), **changes))
    with pytest.raises(ResultsError, match=f"there cannot be joined with .*here.*{said}"):
        read_all([here, there])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("precision", "bf16", "precision: bf16 and float32"),
        ("data", {"fingerprint": "cd" * 32}, "images .*: cdcdcdcdcdcdcdcd and abababab"),
        ("data", None, "images .*: unknown and abababab"),
    ],
)
def test_other_images_or_another_precision_are_named(tmp_path: Path, key: str, value: object, said: str) -> None:
    here = simulate(tmp_path / "here", corners(seeds=(0,)))
    there = simulate(tmp_path / "there", corners(seeds=(1,)))
    provenance = json.loads((there / "provenance.json").read_text())
    (there / "provenance.json").write_text(json.dumps({**provenance, key: value}))
    with pytest.raises(ResultsError, match=said):
        read_all([here, there])
