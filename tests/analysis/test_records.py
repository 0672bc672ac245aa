import json
from pathlib import Path

import numpy as np
import pytest

from analysis.records import CURVE_TYPES, curves_of, empty_curves, log_of, read_records

CONFIGURATION = {"block": "conv", "num_blocks": 3, "batch_norm": True, "lr": 1e-05, "epochs": 4}


def header(seeds: list[int], **changes: object) -> str:
    content = {"format": 1, "trial_id": "0007", "configuration": CONFIGURATION, "seeds": seeds}
    return json.dumps({**content, **changes})


def epoch(number: int, test: list[float], **changes: object) -> str:
    ones = [1.0] * len(test)
    line = {"epoch": number, "iterations": 10 * number, "seconds": 3.0 * number}
    line |= {"train_loss": ones, "train_accuracy": ones, "validation_accuracy": None}
    line |= {"test_accuracy": test, "diverged": [False] * len(test), "host": "n", "pid": 3}
    return json.dumps({**line, **changes})


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "records").mkdir()

    def writer(text: str | bytes, name: str = "0007.jsonl") -> Path:
        content = text.encode() if isinstance(text, str) else text
        (tmp_path / "records" / name).write_bytes(content)
        return tmp_path

    return writer


def test_rows_are_ordered_by_seed_then_epoch(write) -> None:
    lines = [header([5, 2]), epoch(1, [10.0, 20.0]), epoch(2, [11.0, 21.0])]
    records, problems = read_records(write("\n".join(lines) + "\n"))
    curves = curves_of(records)
    assert problems == []
    assert dict(curves.dtypes.astype(str)) == dict(CURVE_TYPES)
    assert curves["seed"].tolist() == [2, 2, 5, 5]
    assert curves["test_accuracy"].tolist() == [20.0, 21.0, 10.0, 11.0]
    assert curves["epoch"].tolist() == [1, 2, 1, 2]
    assert curves["seconds"].tolist() == [1.5, 3.0, 1.5, 3.0]
    assert curves["validation_accuracy"].isna().all()
    assert curves["lr"].unique().tolist() == [1e-05]
    assert curves["batch_norm"].all()


def test_last_line_of_an_epoch_counts(write) -> None:
    lines = [header([0]), epoch(1, [10.0]), epoch(2, [20.0]), epoch(1, [30.0])]
    curves = curves_of(read_records(write("\n".join(lines) + "\n"))[0])
    assert curves["test_accuracy"].tolist() == [30.0, 20.0]


def test_torn_last_line_is_skipped_and_named(write) -> None:
    text = "\n".join([header([0]), epoch(1, [10.0]), epoch(2, [20.0])[:31]])
    records, problems = read_records(write(text))
    assert list(records[0].runs()[0]) == [1]
    assert problems == ["records/0007.jsonl, line 3: torn or not JSON; skipped"]


def test_whole_line_behind_a_torn_one_is_kept(write) -> None:
    torn = epoch(2, [20.0])[:31]
    text = "\n".join([header([0]), epoch(1, [10.0]), torn + epoch(2, [21.0]), epoch(3, [30.0])])
    records, _ = read_records(write(text + "\n"))
    assert curves_of(records)["test_accuracy"].tolist() == [10.0, 21.0, 30.0]


def test_torn_line_in_the_middle_is_skipped(write) -> None:
    text = "\n".join([header([0]), epoch(1, [10.0])[:40], epoch(2, [20.0])])
    records, problems = read_records(write(text + "\n"))
    assert list(records[0].runs()[0]) == [2]
    assert len(problems) == 1


def test_description_written_again_behind_a_torn_one_is_found(write) -> None:
    text = "\n".join([header([0])[:20], epoch(1, [10.0]), header([0]), epoch(2, [20.0])])
    records, problems = read_records(write(text + "\n"))
    assert list(records[0].runs()[0]) == [1, 2]
    assert len(problems) == 1


def test_null_loss_is_nan_and_diverged_stays(write) -> None:
    line = epoch(1, [10.0, 12.0], train_loss=[None, 2.0], diverged=[True, False])
    curves = curves_of(read_records(write(header([0, 1]) + "\n" + line))[0])
    assert np.isnan(curves["train_loss"][0])
    assert curves["diverged"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (epoch(1, [10.0]), "no readable line says"),
        (header([0], format=3), "format 3, this version reads formats 1 and 2"),
        (header([0], trial_id="0006"), "is a copy of the record of '0006' under another name"),
        (header([]), "not a whole description"),
        (header([0], configuration={"block": "none"}), "not a whole description"),
        (header([0, 1]) + "\n" + epoch(1, [10.0]), "one value for each of 2 seeds"),
        (header([0]) + "\n" + epoch(1, [10.0], epoch="one"), "not a whole number"),
        (header([0]) + "\n" + epoch(1, [10.0], seconds=None), "seconds does not hold one value"),
        (header([0]) + "\n" + epoch(1, [10.0], test_accuracy=["high"]), "other than numbers"),
        (b"\x00\xff" * 40, "torn or not JSON"),
    ],
)
def test_damage_is_named_with_its_place(write, text: str | bytes, said: str) -> None:
    records, problems = read_records(write(text))
    assert problems[0].startswith("records/0007.jsonl")
    assert said in problems[0]
    assert curves_of(records).empty


def test_log_says_who_trained_where_and_how_long(write) -> None:
    lines = [header([0, 1]), epoch(1, [10.0, 11.0]), epoch(2, [10.0, 11.0])]
    log = log_of(read_records(write("\n".join(lines)))[0])
    assert log[["seed", "host", "device", "pid", "pack"]].drop_duplicates().values.tolist() == [
        [0, "n", "unknown device", 3, "0007"],
        [1, "n", "unknown device", 3, "0007"],
    ]
    assert log["spent"].tolist() == [1.5] * 4


def test_lines_of_different_seeds_interleave(write) -> None:
    """Runs of one configuration that trained in different packs, one of them shorter so far."""
    lines = [
        new_header(),
        epoch(1, [10.0], seeds=[0], seconds=[1.0], pack="a"),
        epoch(1, [20.0, 30.0], seeds=[4, 2], seconds=[2.0, 3.0], pack="b"),
        epoch(2, [11.0], seeds=[0], seconds=[1.5], pack="a"),
    ]
    records, problems = read_records(write("\n".join(lines)))
    curves = curves_of(records)
    assert problems == []
    assert curves[["seed", "epoch", "test_accuracy", "seconds"]].values.tolist() == [
        [0, 1, 10.0, 1.0],
        [0, 2, 11.0, 1.5],
        [2, 1, 30.0, 3.0],
        [4, 1, 20.0, 2.0],
    ]
    assert set(curves["stage"]) == {"confirm"}
    assert log_of(records)["pack"].tolist() == ["a", "a", "b", "b"]


def test_derived_epochs_are_marked_and_in_no_log(write) -> None:
    lines = [new_header(), epoch(1, [10.0], seeds=[0], seconds=[1.0], derived_from="0009")]
    records, _ = read_records(write("\n".join(lines)))
    assert curves_of(records)["derived"].tolist() == [True]
    assert log_of(records).empty


def new_header() -> str:
    return json.dumps({"format": 2, "trial_id": "0007", "stage": "confirm", "configuration": CONFIGURATION})


def test_no_records_give_an_empty_table_with_types() -> None:
    assert dict(empty_curves().dtypes.astype(str)) == dict(CURVE_TYPES)
