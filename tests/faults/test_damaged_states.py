"""Checkpoints with flipped and missing bytes, unreadable for a moment, or made by an attacker."""

import pickle
import random
import threading
import time
from pathlib import Path

import pytest
import torch

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.training.loop import Training
from study.tuning.state_files import DamagedStateError, load_newest_state, load_state, save_state
from tests.faults.damage import Attack, damaged
from tests.helpers import tiny_data


@pytest.fixture(scope="module")
def training() -> Training:
    training = Training([Run(Configuration(num_blocks=0, epochs=2), seed) for seed in (0, 1)], tiny_data(130, 10))
    training.run_epoch()
    return training


def checkpoint(pack: Path, number: int, content: object) -> Path:
    folder = pack / f"checkpoint_{number:06d}"
    folder.mkdir(parents=True)
    save_state(folder, content)
    return folder / "state.pt"


def same(a: object, b: object) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b


def never_another_state(training: Training, folder: Path, count: int, seed: int) -> None:
    content = training.state_dict()
    file = checkpoint(folder, 1, content)
    rng, whole, refused = random.Random(seed), file.read_bytes(), 0
    for number in range(count):
        file.write_bytes(damaged(whole, rng))
        try:
            assert same(load_state(file), content), (seed, number)
        except DamagedStateError:
            refused += 1
    assert refused > 0.8 * count


def test_a_damaged_state_is_never_trained_from(tmp_path, training):
    never_another_state(training, tmp_path, 200, seed=1)


@pytest.mark.slow
def test_a_thousand_times(tmp_path, training):
    never_another_state(training, tmp_path, 1000, seed=2)


def test_the_newest_whole_one_before_it_is_used(tmp_path):
    files = [checkpoint(tmp_path, number, {"number": number}) for number in (1, 2, 3, 4)]
    assert load_newest_state(files[2]) == {"number": 3}
    files[2].write_bytes(damaged(files[2].read_bytes(), random.Random(0), "flip"))
    files[1].unlink()
    assert load_newest_state(files[2]) == {"number": 1}
    files[0].with_name("state.pt.sha256").write_text("torn")
    assert load_newest_state(files[2]) is None


def test_a_state_of_an_earlier_version_has_no_checksum(tmp_path):
    file = checkpoint(tmp_path, 1, {"a": torch.ones(2)})
    file.with_name("state.pt.sha256").unlink()
    assert torch.equal(load_state(file)["a"], torch.ones(2))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DamagedStateError):
        load_state(file)


def test_a_state_that_cannot_be_read_for_a_moment_is_read_a_moment_later(tmp_path):
    file = checkpoint(tmp_path, 1, {"a": 1})
    whole = file.rename(tmp_path / "whole")
    file.symlink_to(file)  # which reading answers with "too many levels of symbolic links"

    def mend() -> None:
        time.sleep(0.1)
        whole.replace(file)

    thread = threading.Thread(target=mend)
    thread.start()
    assert load_state(file) == {"a": 1}
    thread.join()


def test_one_that_stays_so_is_no_damaged_one(tmp_path):
    file = checkpoint(tmp_path, 1, {"a": 1})
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(OSError, match=r"symbolic links.*state\.pt"):
        load_state(file)
    with pytest.raises(OSError, match="symbolic links"):
        load_newest_state(file)


@pytest.mark.parametrize("plain", [False, True], ids=["torch.save", "pickle"])
def test_what_a_stranger_made_runs_no_code(tmp_path, plain):
    file = tmp_path / "state.pt"
    if plain:
        file.write_bytes(pickle.dumps({"training": Attack(tmp_path / "harm")}, protocol=2))
    else:
        torch.save({"training": Attack(tmp_path / "harm")}, file)
    with pytest.raises(DamagedStateError, match="more than tensors"):
        load_state(file)
    assert not (tmp_path / "harm").exists()
