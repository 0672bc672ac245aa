import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from study.contract.axes import Configuration
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.progress import ProgressDisplay
from study.results.files import write_json
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from tests.study.lines import line

CONFIGURATION = Configuration(block="conv", num_blocks=1, batch_norm=True, lr=1e-3, epochs=3)


def opened(folder: Path) -> tuple[Ledger, Pack]:
    results = ResultsDirectory(folder)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for([Planned(CONFIGURATION, (0, 1))])
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001")
    return ledger, pack


def play(folder: Path, console: Console, *, error: str | None = None, diverged: bool = False) -> None:
    """A pack that trains an epoch, is started again, trains it once more and goes on to its end."""
    ledger, pack = opened(folder)
    with ProgressDisplay(console, ledger, [run.key for run in pack.runs], folder / "provenance.json") as display:
        ledger.start(pack, None)
        display.started(pack)
        for epoch in (1, 1, 2) if error else (1, 1, 2, 3):
            lines = [("0000", line(epoch, (0, 1), value=50.0, diverged=diverged))]
            ledger.record({"0000": [lines[0][1]]})
            display.epoch(pack, lines)
        ledger.end(pack, error=error)
        display.ended(pack, error)


@pytest.mark.parametrize(("diverged", "more"), [(False, ""), (True, ", 2 of 2 diverged")])
def test_a_log_file_gets_a_plain_line_for_each_configuration(tmp_path, diverged, more):
    out = io.StringIO()
    play(tmp_path, Console(file=out, width=40), diverged=diverged)
    assert out.getvalue() == (
        "0000 (1 conv block, batch norm, lr 0.001, 3 epochs), seeds 0-1 completed: "
        f"3 epochs, train 50.50 %, test 50.50 %{more}\n"
    )


def test_a_terminal_gets_a_bar_that_counts_an_epoch_once(tmp_path):
    out = io.StringIO()
    play(tmp_path, Console(file=out, width=100, force_terminal=True, color_system=None), error="gone")
    assert "4/6" in out.getvalue()
    assert "running: none" in out.getvalue()


def test_a_failed_pack_gives_its_reason_as_it_is(tmp_path):
    out = io.StringIO()
    play(tmp_path, Console(file=out), error="Traceback ...\nValueError: [bold] too much")
    assert out.getvalue().endswith("seeds 0-1 failed: ValueError: [bold] too much\n")


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
    with ProgressDisplay(Console(file=out), ledger, [], file) as display:
        display.computing(described)
        display.computing(described)
    assert out.getvalue() == said * 2
    assert json.loads(file.read_text())["sessions"] == [{"computation": [described]}]
