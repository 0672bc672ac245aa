"""What a pack does with what Ray gives it: images without a copy, a device, one process for many packs."""

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.plan.planned import Planned
from study.results.paths import ResultsDirectory
from study.space.sections import Stop
from study.training.loop import train
from study.tuning.checkpoints import find_states
from study.tuning.trainable import PackTrainable
from tests.helpers import tiny_data
from tests.study.tuning.helpers import SMALL, fit, numbers

pytestmark = pytest.mark.usefixtures("local_ray")


class Witness(PackTrainable):
    """Writes down where its images lie, and which process it is."""

    def step(self) -> dict[str, Any]:
        images = self._data.train_images
        facts = {"writeable": images.flags.writeable, "owns": images.flags.owndata, "bytes": images.nbytes}
        folder = Path(os.environ["PYTEST_WITNESS"])
        (folder / f"{self._pack['pack_id']}.json").write_text(json.dumps({**facts, "pid": os.getpid()}))
        return super().step()


class DiesAtItsSecondPack(PackTrainable):
    """Is killed in the moment in which it takes the second pack, once."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        super().reset_config(new_config)
        self._doomed = new_config["pack"]["pack_id"] == "p0001"
        return True

    def step(self) -> dict[str, Any]:
        mark = Path(os.environ["PYTEST_WITNESS"], "killed")
        if getattr(self, "_doomed", False) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()


def lone(configuration: Configuration, seed: int) -> list[tuple[object, ...]]:
    """The numbers of a run that nothing trains beside."""
    torch.set_num_threads(1)
    return [
        (r.epoch, r.iterations, r.train_loss, r.train_accuracy, r.test_accuracy, r.diverged)
        for (r,) in train([Run(configuration, seed)], tiny_data())
    ]


def test_packs_take_the_same_process_and_map_the_images_without_a_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_WITNESS", str(tmp_path))
    groups = [[("0000", 0)], [("0000", 1)], [("0000", 2)]]
    _, outcome = fit(tmp_path, [Planned(SMALL, (0, 1, 2))], groups, trainable=witness(Witness, tmp_path))
    assert outcome.num_errors == 0
    facts = [json.loads(file.read_text()) for file in sorted(tmp_path.glob("p*.json"))]
    assert len(facts) == 3
    assert len({each.pop("pid") for each in facts}) == 1
    assert facts == [{"writeable": False, "owns": False, "bytes": tiny_data().train_images.nbytes}] * 3
    assert numbers(tmp_path, "0000") == {seed: lone(SMALL, seed) for seed in (0, 1, 2)}


def witness(trainable: type[PackTrainable], folder: Path) -> type[PackTrainable]:
    """The trainable with the folder it writes to; Ray's processes were started before the test knew it."""

    class WithFolder(trainable):
        def setup(self, config: dict[str, Any], data: Any = None, settings: Any = None, all_data: Any = None) -> None:
            os.environ["PYTEST_WITNESS"] = str(folder)
            super().setup(config, data, settings, all_data)

    return WithFolder


def test_a_process_that_dies_as_it_takes_its_next_pack_is_replaced(tmp_path):
    groups = [[("0000", 0)], [("0000", 1)], [("0000", 2)]]
    ledger, outcome = fit(
        tmp_path, [Planned(SMALL, (0, 1, 2))], groups, trainable=witness(DiesAtItsSecondPack, tmp_path)
    )
    assert (tmp_path / "killed").exists()
    assert outcome.num_errors == 0
    assert {status.state for status in ledger.runs.values()} == {"completed"}
    assert numbers(tmp_path, "0000") == {seed: lone(SMALL, seed) for seed in (0, 1, 2)}


def test_one_study_packed_in_three_ways_gives_the_same_bits(tmp_path):
    fast, short = dataclasses.replace(SMALL, lr=0.1), dataclasses.replace(SMALL, lr=0.2, epochs=1)
    planned = [Planned(SMALL, (0, 1)), Planned(fast, (1, 0)), Planned(short, (0,))]
    alone = [[("0000", 0)], [("0000", 1)], [("0001", 1)], [("0001", 0)], [("0002", 0)]]
    mixed = [[("0002", 0), ("0001", 0), ("0000", 1)], [("0000", 0), ("0001", 1)]]
    found = []
    for number, groups in enumerate([None, alone, mixed]):
        folder = tmp_path / str(number)
        folder.mkdir()
        fit(folder, planned, groups)
        found.append([numbers(folder, trial_id) for trial_id in ("0000", "0001", "0002")])
    assert found[0] == found[1] == found[2]
    assert found[0][1][1] == lone(fast, 1)


def test_only_a_run_that_has_diverged_stops(tmp_path):
    wild = dataclasses.replace(SMALL, lr=1e30)
    ledger, _ = fit(tmp_path, [Planned(SMALL, (0,)), Planned(wild, (0, 1))], stop_when_diverged=True)
    assert {key: status.epochs_done for key, status in ledger.runs.items()} == {
        ("0000", 0): 2,
        ("0001", 0): 1,
        ("0001", 1): 1,
    }
    assert {status.state for status in ledger.runs.values()} == {"completed"}
    assert numbers(tmp_path, "0000")[0] == lone(SMALL, 0)


class DiesOnce(PackTrainable):
    """Is killed before its third epoch, once."""

    def step(self) -> dict[str, Any]:
        mark = Path(os.environ["PYTEST_WITNESS"], "killed")
        if len(self._lines) >= 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()


def test_a_run_that_met_its_target_leaves_its_pack_and_does_not_come_back_when_the_process_is_lost(tmp_path):
    slow = dataclasses.replace(SMALL, lr=1e-6, epochs=4)
    fast = dataclasses.replace(slow, lr=0.2)
    planned = [Planned(slow, (0,)), Planned(fast, (0,))]
    ledger, outcome = fit(
        tmp_path, planned, trainable=witness(DiesOnce, tmp_path), stop=Stop(target=40), validation=100
    )
    assert (tmp_path / "killed").exists()
    assert outcome.num_errors == 0
    assert (ledger.runs["0000", 0].state, ledger.runs["0000", 0].epochs_done) == ("completed", 4)
    stopped = ledger.runs["0001", 0]
    assert (stopped.state, stopped.reason) == ("stopped", "target")
    assert list(stopped.validation) == list(range(1, stopped.epochs_done + 1))
    assert [value >= 40 for value in stopped.validation.values()] == [False] * (stopped.epochs_done - 1) + [True]
    assert stopped.epochs_done < 3
    checkpoint = sorted(tmp_path.glob("trials/*/*/checkpoint_*/state.pt"))[-1]
    validation = torch.load(checkpoint, weights_only=True)["validation"]
    assert validation == [list(status.validation.values()) for status in ledger.runs.values()]


def test_a_run_goes_on_from_another_packs_state_to_more_epochs(tmp_path):
    longer = dataclasses.replace(SMALL, epochs=4)
    fit(tmp_path, [Planned(SMALL, (0, 1)), Planned(dataclasses.replace(SMALL, lr=0.1), (3,))])
    ledger, _ = fit(tmp_path, [Planned(longer, (1, 0))], [])
    states = find_states(ledger, ResultsDirectory(tmp_path)).states
    assert states.keys() == {("0002", 0), ("0002", 1)}
    _, outcome = fit(tmp_path, [], [[("0002", 1), ("0002", 0)]], states=states)
    assert outcome.num_errors == 0
    assert numbers(tmp_path, "0002") == {seed: lone(longer, seed) for seed in (0, 1)}


def test_what_ray_hears_is_the_mean_and_not_the_rows(tmp_path):
    """Its own classes find the best pack by it; beside its checkpoints it keeps nothing that grows with the runs."""
    _, outcome = fit(tmp_path, [Planned(SMALL, (0, 1))])
    best = outcome.get_best_result("train_accuracy", "max")
    assert best.metrics is not None
    assert best.config is not None
    last: list[Any] = [each[-1] for each in numbers(tmp_path, "0000").values()]
    assert best.metrics["train_accuracy"] == pytest.approx((last[0][3] + last[1][3]) / 2)
    assert "validation_accuracy" not in best.metrics
    assert "lines" not in (Path(best.path) / "result.json").read_text()
    checkpoints = [metrics for _, metrics in best.best_checkpoints or []]
    assert len(checkpoints) == 2
    assert not any(metrics.keys() & {"lines", "computation", "config"} for metrics in checkpoints)


def test_a_gpu_that_torch_cannot_use_is_an_error_that_says_so(tmp_path):
    ledger, outcome = fit(tmp_path, [Planned(SMALL, (0,))], gpus=1)
    assert "Ray gave this pack GPU 0" in str(outcome.errors[0])
    status = ledger.runs["0000", 0]
    assert status.state == "failed"
    assert status.error is not None
    assert "torch sees no CUDA device" in status.error
    assert "\x1b" not in status.error
