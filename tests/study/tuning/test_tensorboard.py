from pathlib import Path
from typing import Any, cast

from tensorboardX.proto import plugin_hparams_pb2

from study.contract.axes import AXES
from study.contract.records import EpochLine
from study.results.ledger import Ledger
from study.tuning.tensorboard import TensorBoard
from tests.study.lines import line
from tests.study.tuning.events import read_events
from tests.study.two_seeds import opened


def report(board: TensorBoard, ledger: Ledger, *lines: EpochLine) -> None:
    """What Ray Tune's callbacks do with an epoch, one after another."""
    nothing = cast(Any, None)
    board.on_trial_result(0, [], nothing, {"lines": [("0000", each) for each in lines]})
    ledger.record({"0000": list(lines)})


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """By tag, from all files of a run in the order of their names, as TensorBoard reads them."""
    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.iterdir()):
        for event in read_events(file):
            for value in event.summary.value:
                if not value.tag.startswith("_hparams_"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_a_run_is_one_curve_over_all_sessions_and_failures(tmp_path):
    results, ledger = opened(tmp_path)
    board = TensorBoard(results.tensorboard, ledger)
    report(board, ledger, line(1, (0, 1), value=50.0))
    report(board, ledger, line(1, (0, 1), value=50.0))  # trained again after a failure
    results, ledger = opened(tmp_path)
    board = TensorBoard(results.tensorboard, ledger)
    report(board, ledger, line(2, (1,), value=60.0, diverged=True))
    folder = results.tensorboard / "0000_residual3_nobn_lr0.1_momentum0.9"
    assert {path.name for path in folder.iterdir()} == {"seed0", "seed1"}
    assert curves(folder / "seed0") == {
        "accuracy/test": [(1, 50.0)],
        "accuracy/train": [(1, 50.0)],
        "loss/train": [(1, 1.0)],
    }
    assert curves(folder / "seed1")["accuracy/test"] == [(1, 51.0), (2, 61.0)]
    assert curves(folder / "seed1")["loss/train"] == [(1, 1.0)]  # then it was not finite


def test_hyperparameters_have_their_own_names(tmp_path):
    results, ledger = opened(tmp_path)
    report(TensorBoard(results.tensorboard, ledger), ledger, line(1, (1,)))
    (file,) = results.tensorboard.glob("*/seed1/*")
    content_type: Any = vars(plugin_hparams_pb2)["HParamsPluginData"]
    experiment, start = (
        content_type.FromString(value.metadata.plugin_data.content)
        for event in read_events(file)
        for value in event.summary.value
        if value.tag.startswith("_hparams_/")
    )
    assert {info.name for info in experiment.experiment.hparam_infos} == {*AXES, "stage"}
    metrics = [info.name.tag for info in experiment.experiment.metric_infos]
    assert metrics == ["accuracy/test", "accuracy/validation"]
    assert start.session_start_info.group_name == "0000"  # the seeds of a configuration are shown as one
    told = start.session_start_info.hparams
    assert told["lr"].number_value == 0.1
    assert told["num_blocks"].number_value == 3
    assert told["block"].string_value == "residual"
    assert told["batch_norm"].bool_value is False


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path):
    results, ledger = opened(tmp_path)
    results.tensorboard.write_text("a file in its place")
    report(TensorBoard(results.tensorboard, ledger), ledger, line(1, (0, 1)))
    assert ledger.runs["0000", 0].epochs_done == 1
