"""The same search by the study and by Ray Tune alone."""

import pytest

from benchmarks import plain_tune
from benchmarks.kept import Kept

FOUND = {"configuration": {"lr": 0.1}, "selected": 97.0, "model_epochs": 90}


def line(way: str, number: int, seconds: float, confirmed: float) -> dict:
    return {"way": way, "number": number, "seconds": seconds, **FOUND, "confirmed": confirmed}


def test_the_table_compares_searches_of_one_number():
    lines = [
        line(plain_tune.STUDY, 0, 20.0, 96.0),
        line(plain_tune.STUDY, 1, 30.0, 95.0),
        line(plain_tune.TUNE, 0, 40.0, 94.5),
        line(plain_tune.TUNE, 1, 90.0, 96.5),
    ]
    rows = plain_tune.table(lines).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][:5] == ["study.run", "2", "25 (20-30)", "1.00 (1.00-1.00)", "90 (90-90)"]
    assert cells[0][5:] == ["97.00 (97.00-97.00)", "95.50 (95.00-96.00)"]
    assert cells[1][:4] == ["Ray Tune alone", "2", "65 (40-90)", "2.50 (2.00-3.00)"]
    assert cells[2] == ["Ray Tune alone, PyTorch loop", "0", "", "", "", "", ""]


@pytest.mark.slow
@pytest.mark.parametrize("way", [plain_tune.STUDY, plain_tune.TUNE, plain_tune.PYTORCH])
def test_every_way_searches_and_its_winner_is_confirmed(way):
    found = plain_tune.search(way, 0, 2)
    assert found["configuration"].keys() == {"block", "num_blocks", "batch_norm", "lr"}
    assert 2 <= found["model_epochs"] <= 18
    assert found["seconds"] > 0
    assert 0 < found["selected"] <= 100
    assert 0 < plain_tune.confirmed(found["configuration"], epochs=1) <= 100


def test_a_search_that_is_kept_is_not_run_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "kept.jsonl"
    kept = Kept(file, {"samples": 40})
    for way in plain_tune.WAYS:
        kept.add(line(way, 0, 20.0, 96.0))
    monkeypatch.setattr("sys.argv", ["plain_tune", "--searches", "1", "--results", str(file)])
    assert plain_tune.main() == 0
    assert "96.00" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["plain_tune", "--samples", "3", "--results", str(file)])
    assert plain_tune.main() == 2


def test_a_search_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(plain_tune, "SPACE", plain_tune.SPACE.replace("digits", "nothing"))
    with pytest.raises(plain_tune.SearchError, match=r"study\.run: .+"):
        plain_tune.search(plain_tune.STUDY, 0, 2)
