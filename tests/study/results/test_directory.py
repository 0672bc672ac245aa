import pandas as pd
import pytest

from study.contract.axes import Configuration
from study.results.directory import ResultsDirectory, TrialStatus, write_json, write_text

CONFIGURATION = Configuration(block="residual", num_blocks=1, batch_norm=False, lr=0.01, epochs=2)


def test_the_trials_table_has_a_row_for_every_trial(tmp_path):
    results = ResultsDirectory(tmp_path)
    done = TrialStatus("0000", CONFIGURATION, (0, 1), "failed", 1, error="out of memory")
    results.write_trials([done, TrialStatus("0001", CONFIGURATION, (0, 1))])
    table = pd.read_parquet(tmp_path / "trials.parquet")
    assert list(table.columns) == [
        *("trial_id", "block", "num_blocks", "batch_norm", "lr", "epochs", "seeds", "status", "epochs_done"),
        *("error", "started", "ended", "host", "device", "directory"),
    ]
    assert list(table["status"]) == ["failed", "not_started"]
    assert list(table["seeds"][0]) == [0, 1]
    errors = table["error"].tolist()
    assert errors[0] == "out of memory"
    assert pd.isna(errors[1])
    assert results.read_trials()["0000"]["epochs_done"] == 1


@pytest.mark.parametrize("content", [None, b"", b"PAR1 torn"])
def test_a_missing_or_torn_trials_table_is_no_table(tmp_path, content):
    if content is not None:
        (tmp_path / "trials.parquet").write_bytes(content)
    assert ResultsDirectory(tmp_path).read_trials() == {}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "\ud800")
    assert file.read_text() == '{\n  "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
