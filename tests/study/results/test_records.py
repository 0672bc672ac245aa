import json

import pytest

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.results.records import TrialRecord, epoch_rows, finite_or_none, header

CONFIGURATION = Configuration(block="conv", num_blocks=2, batch_norm=True, lr=0.1, epochs=3)


@pytest.fixture
def record(tmp_path):
    (tmp_path / "records").mkdir()
    return TrialRecord(tmp_path / "records", "0007", CONFIGURATION, [4, 5])


def row(epoch: int, **values: object) -> dict[str, object]:
    return {"epoch": epoch, "test_accuracy": [10.0, 20.0]} | values


def test_the_first_line_says_what_the_trial_is(record):
    assert json.loads(record.path.read_text()) == {
        "format": 1,
        "trial_id": "0007",
        "configuration": {"block": "conv", "num_blocks": 2, "batch_norm": True, "lr": 0.1, "epochs": 3},
        "seeds": [4, 5],
    }


def test_opening_a_record_again_adds_nothing(record, tmp_path):
    record.append(row(1))
    before = record.path.read_bytes()
    TrialRecord(tmp_path / "records", "0007", CONFIGURATION, [4, 5])
    assert record.path.read_bytes() == before


def test_the_last_row_of_an_epoch_counts(record):
    for each in (row(1), row(2, seconds=1), row(3), row(2, seconds=9)):
        record.append(each)
    assert list(epoch_rows(record.path)) == [1, 2, 3]
    assert epoch_rows(record.path)[2]["seconds"] == 9


def test_a_torn_last_line_is_skipped_and_the_next_row_starts_a_line_of_its_own(record):
    record.append(row(1))
    whole = record.path.read_bytes()
    record.append(row(2))
    for cut in range(len(whole), len(record.path.read_bytes())):
        torn = record.path.parent / "torn.jsonl"
        torn.write_bytes(record.path.read_bytes()[:cut])
        assert list(epoch_rows(torn)) in ([1], [1, 2])
    record.path.write_bytes(record.path.read_bytes()[:-20])
    record.append(row(2))
    record.append(row(3))
    assert list(epoch_rows(record.path)) == [1, 2, 3]


def test_a_record_cut_within_its_first_line_gets_it_again(record, tmp_path):
    record.path.write_bytes(record.path.read_bytes()[:30])
    TrialRecord(tmp_path / "records", "0007", CONFIGURATION, [4, 5]).append(row(1))
    first, second, _ = record.path.read_text().splitlines()
    assert second.startswith('{"format": 1')
    assert not first.endswith("}")
    assert list(epoch_rows(record.path)) == [1]


def test_rows_of_a_checkpoint_that_the_record_misses_are_added(record):
    record.append(row(1, seconds=5))
    record.add_missing([row(1, seconds=6), row(2), row(3)])
    assert list(epoch_rows(record.path)) == [1, 2, 3]
    assert epoch_rows(record.path)[1]["seconds"] == 5


def test_a_row_that_standard_json_cannot_hold_is_refused(record):
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.append(row(1, train_loss=[float("nan")]))
    assert finite_or_none([float("nan"), 1.5, float("inf")]) == [None, 1.5, None]


def test_ids_sort_as_their_numbers():
    assert [trial_id(n) for n in (0, 12, 9999)] == ["0000", "0012", "9999"]


def test_a_record_is_not_made_where_its_folder_is_not_shared(tmp_path):
    with pytest.raises(FileNotFoundError):
        TrialRecord(tmp_path / "nowhere", "0000", CONFIGURATION, [0])


def test_the_header_is_found_behind_a_torn_line(record):
    first = header(record.path)
    assert first == json.loads(record.path.read_text())
    record.path.write_bytes(b'{"format": 1, "tri\n' + record.path.read_bytes())
    assert header(record.path) == first
    assert header(record.path.with_name("none.jsonl")) is None
