from typing import Any

import pytest
import torch

from study.training.loop import Training, run_states
from tests.study.training.helpers import configuration, finish, numbers, runs_of, same_bits, small_data


def as_format_1(state: dict[str, Any]) -> dict[str, object]:
    """The state dict that the first version wrote at the same point."""
    return {
        "network": state["network"],
        "orders": list(state["orders"]),
        "epoch": state["epoch"][0],
        "iterations": state["iterations"][0],
        "seconds": sum(state["seconds"]),
        "diverged": state["diverged"],
    }


def test_a_state_of_format_1_goes_on_bit_for_bit(tmp_path):
    runs, data = runs_of(configuration(batch_norm=True), [3, 1, 2]), small_data()
    training = Training(runs, data)
    training.run_epoch()
    torch.save(as_format_1(training.state_dict()), tmp_path / "state.pt")
    states = run_states(torch.load(tmp_path / "state.pt", weights_only=True))
    for old, new in zip(states, run_states(training.state_dict()), strict=True):
        assert same_bits(old, new)
        assert old["seconds"] == pytest.approx(new["seconds"])
        assert (old["epoch"], old["iterations"], old["diverged"]) == (1, 2, False)
    # One seed alone, trained on for more epochs than were planned then.
    longer = Training(runs_of(configuration(batch_norm=True, epochs=4), [1]), data, states=[states[1]])
    expected = [numbers([epoch[1]]) for epoch in finish(training)]
    assert [numbers(epoch) for epoch in finish(longer)][:2] == expected


def test_a_checkpoint_has_few_entries_and_is_as_large_as_its_numbers(tmp_path):
    training = Training(runs_of(configuration(num_blocks=1), range(8)), small_data())
    training.run_epoch()
    state = training.state_dict()
    assert len(state["network"]) == 13
    torch.save(state, tmp_path / "state.pt")
    numbers_of_run = sum(tensor[0].numel() for tensor in state["network"].values())
    assert (tmp_path / "state.pt").stat().st_size < 8 * (4 * numbers_of_run + state["orders"].shape[1]) + 20_000


def test_momentum_taken_up_later_starts_from_zero():
    data = small_data()
    plain = Training(runs_of(configuration(epochs=1), [0]), data)
    plain.run_epoch()
    (state,) = run_states(plain.state_dict())
    moving = Training(runs_of(configuration(epochs=2, momentum=0.9), [0]), data, states=[state])
    assert not moving.chunks[0].state_tensors[1].any()


@pytest.mark.parametrize("state", [{}, {"format": 2}, {"rows": [], "orders": [1]}])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(ValueError, match="not the state of a training"):
        run_states(state)


def test_the_state_of_a_later_version_is_refused():
    with pytest.raises(ValueError, match="a training state of format 3: this version reads formats 1 and 2"):
        run_states({"format": 3})
