import io
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from study.contract.axes import Configuration
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.results.files import write_json
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.terminal import live_table, progress
from study.terminal.live_table import Screen
from study.terminal.pace import UnderWay
from study.terminal.progress import ProgressDisplay
from study.terminal.standing import Row, Standing
from tests.study.lines import line

CONFIGURATION = Configuration(block="conv", num_blocks=1, batch_norm=True, lr=1e-3, epochs=3)


def opened(folder: Path, configurations: int = 1) -> tuple[Ledger, list[Pack]]:
    """A ledger of two seeds of some configurations, and a pack for each."""
    results = ResultsDirectory(folder)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    for number in range(configurations):
        ledger.ask_for([Planned(replace(CONFIGURATION, num_blocks=1 + number), (0, 1))])
    groups = [[run for run in ledger.remaining() if run.trial_id == f"{n:04d}"] for n in range(configurations)]
    return ledger, ledger.form_packs(groups, "session-001")


def play(
    folder: Path,
    console: Console,
    *,
    error: str | None = None,
    diverged: bool = False,
    configurations: int = 1,
    verbosity: progress.Verbosity = "normal",
) -> None:
    """Packs that train an epoch, are started again, train it once more and go on to their end."""
    ledger, packs = opened(folder, configurations)
    with ProgressDisplay(console, ledger, folder / "provenance.json", verbosity=verbosity) as display:
        for pack in packs:
            ledger.start(pack, None)
            display.started(pack)
            trial_id = pack.runs[0].trial_id
            for epoch in (1, 1, 2) if error else (1, 1, 2, 3):
                each = line(epoch, (0, 1), value=50.0, diverged=diverged)
                ledger.record({trial_id: [each]})
                display.epoch(pack, [(trial_id, each)])
            ledger.end(pack, error=error)
            display.ended(pack, error)


def in_terminal(width: int) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(
        file=out, width=width, height=30, force_terminal=True, force_interactive=True, color_system=None
    ), out


@pytest.mark.parametrize(("diverged", "more"), [(False, ""), (True, ", 2 of 2 diverged")])
def test_a_log_file_gets_a_plain_line_for_each_configuration(tmp_path, diverged, more):
    out = io.StringIO()
    play(tmp_path, Console(file=out, width=40), diverged=diverged)
    assert out.getvalue() == (
        "0000 (1 conv block, batch norm, lr 0.001, 3 epochs), seeds 0-1 completed: "
        f"3 epochs, train 50.50 ± 0.71 %, test 50.50 ± 0.71 %{more}\n"
    )


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_terminal_gets_a_table_within_its_width_that_counts_an_epoch_once(tmp_path, monkeypatch, width):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_TABLES", -1.0)
    console, out = in_terminal(width)
    play(tmp_path, console, error="gone", configurations=2)
    drawn = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", out.getvalue()).replace("\r", "\n")
    table = [each for each in drawn.splitlines() if " failed: " not in each]  # such a line may be longer
    assert max(map(len, table)) <= width
    assert "0 of 4 runs ended, 4 failed" in drawn
    assert "8 of 8 model-epochs" in drawn  # what failed is not left
    assert "1/3" in drawn
    assert "50.50 ± 0.71" in drawn
    assert "conv block" not in "".join(table)  # all are: only what tells them apart is shown
    assert ("train %" in drawn) == (width == 160)


def test_a_study_of_many_configurations_does_not_flood_the_terminal(tmp_path):
    out = io.StringIO()
    play(tmp_path, Console(file=out), configurations=30)
    said = out.getvalue().splitlines()
    assert len(said) == progress.MOST_LINES + 1
    assert "--verbose" in said[-1]


def test_verbose_gives_every_epoch_and_every_end(tmp_path):
    out = io.StringIO()
    play(tmp_path, Console(file=out), configurations=22, verbosity="verbose")
    assert out.getvalue().count(" completed: ") == 22
    assert out.getvalue().count(" epoch 2: train 50.50 ± 0.71 %") == 22


@pytest.mark.parametrize("verbosity", ["quiet", "normal"])
def test_a_failed_pack_gives_its_reason_as_it_is(tmp_path, verbosity):
    out = io.StringIO()
    play(tmp_path, Console(file=out), error="Traceback ...\nValueError: [bold] too much", verbosity=verbosity)
    assert out.getvalue().endswith("seeds 0-1 failed: ValueError: [bold] too much\n")


def test_quiet_says_nothing_of_what_goes_well(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    console, out = in_terminal(80)
    play(tmp_path, console, verbosity="quiet")
    assert out.getvalue() == ""


@pytest.mark.parametrize(("seconds", "shown"), [(20.0, "~3.5/25"), (5.0, " 3/25")])
def test_within_a_long_epoch_the_table_moves_by_the_pace_of_the_one_before(monkeypatch, seconds, shown):
    nothing = dict.fromkeys(("loss", "train", "validation", "test"))
    under_way = UnderWay(began=100.0, seconds=seconds)
    row = Row("0000", "3 blocks", (0, 1), 3, 25, **nothing, diverged=0, speed=0.1, under_way=under_way)
    standing = Standing(6, 50, 2, 0, 0, speed=0.1, seconds_left=420.0, rows=(row,), best=None)
    monkeypatch.setattr(live_table.time, "monotonic", lambda: 110.0)
    console, out = in_terminal(100)
    console.print(Screen(standing, began=30.0, taken=50.0))
    assert shown in out.getvalue()
    assert "6 of 50 model-epochs" in out.getvalue()  # what is done is counted, not foreseen
    assert "about 6 min left" in out.getvalue()


def test_a_log_file_gets_a_line_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    out = io.StringIO()
    play(tmp_path, Console(file=out))
    said = out.getvalue().splitlines()
    assert said[0] == "0 of 6 model-epochs; 0 of 2 runs ended"
    assert said[-1].startswith("6 of 6 model-epochs, ")
    assert said[-1].endswith(
        "2 of 2 runs ended; best so far: 1 conv block, batch norm, lr 0.001, 3 epochs: test 50.50 ± 0.71 % (2 runs)"
    )


def test_who_waits_for_devices_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_OF_PATIENCE", 0.0)
    ledger, _ = opened(tmp_path)
    out = io.StringIO()
    told = threading.Event()

    class Heard(io.StringIO):
        def write(self, text: str) -> int:
            out.write(text)
            told.set()
            return len(text)

    with ProgressDisplay(Console(file=Heard()), ledger, tmp_path / "p.json", waiting="waiting for free devices"):
        assert told.wait(60)
    assert out.getvalue().startswith("waiting for free devices")


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"backend": "kernels"}, ""),
        ({"backend": "PyTorch", "gpu": "NVIDIA H200"}, ""),
        (
            {"backend": "PyTorch (no C++ compiler)"},
            "training with PyTorch alone, several times slower than with the CPU kernels: no C++ compiler\n",
        ),
    ],
)
def test_how_the_runs_are_computed_goes_to_the_provenance_and_is_said_where_it_is_slow(tmp_path, described, said):
    ledger, _ = opened(tmp_path)
    out, file = io.StringIO(), tmp_path / "provenance.json"
    write_json(file, {"data": {}, "sessions": [{"computation": []}]})
    with ProgressDisplay(Console(file=out), ledger, file) as display:
        display.computing(described)
        display.computing(described)
    assert out.getvalue() == said * 2
    assert json.loads(file.read_text())["sessions"] == [{"computation": [described]}]
