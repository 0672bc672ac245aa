"""A run's numbers do not depend on the runs beside it: the same bits in whatever pack, on a CPU."""

import itertools
import random
from collections.abc import Iterator

import pytest
import torch

from study.contract.runs import Run
from study.training.kernels import build
from study.training.loop import RunState, Training, run_states
from tests.helpers import tiny_data
from tests.study.training.helpers import configuration, numbers, runs_of, same_bits, small_data
from tests.study.training.kernels.helpers import needs_compiler

Outcome = dict[Run, tuple[list[tuple[str, ...]], RunState]]


@pytest.fixture(params=[pytest.param("on", marks=needs_compiler), "off"], ids=["kernels", "PyTorch"])
def kernels(request, monkeypatch) -> Iterator[str]:
    monkeypatch.setenv(build.SWITCH, request.param)
    build._library.cache_clear()
    yield request.param
    build._library.cache_clear()


def outcome(training: Training) -> Outcome:
    results: dict[int, list] = {k: [] for k in range(len(training.runs))}
    while not training.finished:
        for result in training.run_epoch():
            results[result.run].append(result)
    states = run_states(training.state_dict())
    return {run: (numbers(results[k]), states[k]) for k, run in enumerate(training.runs)}


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    for run, (results, state) in ours.items():
        assert results == theirs[run][0], run
        assert same_bits(state, theirs[run][1]), run


def mixed_runs(batch_norm: bool, batch_size: int = 128, count: int = 6) -> list[Run]:
    """Runs that differ in all that runs of a pack may differ in; one of them diverges."""
    choices = itertools.cycle(
        [
            {"lr": 0.05, "epochs": 3},
            {"lr": 0.1, "epochs": 2, "momentum": 0.9},
            {"lr": 0.02, "epochs": 4, "weight_decay": 0.01, "lr_schedule": "one_cycle"},
            {"lr": 1e30, "epochs": 3},
            {"lr": 0.1, "epochs": 1, "lr_schedule": "cosine", "momentum": 0.5, "weight_decay": 0.1},
        ]
    )
    return [
        Run(configuration(batch_norm=batch_norm, batch_size=batch_size, **next(choices)), seed) for seed in range(count)
    ]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_same_runs_packed_in_three_ways_have_the_same_bits(kernels, batch_norm):
    runs, data = mixed_runs(batch_norm), small_data()
    together = outcome(Training(runs, data))
    for run in runs:
        assert_same(outcome(Training([run], data)), together)
    mixed = random.Random(1).sample(runs, len(runs))
    for part in (mixed[:1], mixed[1:3], mixed[3:]):
        assert_same(outcome(Training(part, data)), together)


@needs_compiler
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("size", [1, 2, 20])
def test_packs_of_any_size_and_any_place_in_them_have_the_same_bits(batch_norm, size):
    """Batches of 37 leave one of 1: what libraries compute in another way, and memory that is aligned in no way."""
    runs, data = mixed_runs(batch_norm, batch_size=37, count=20), tiny_data(train=75, test=33)
    together = outcome(Training(runs, data))
    shuffled = random.Random(size).sample(runs, 20)
    for first in range(0, 20, size) if size == 20 else (0, 7, 18):
        assert_same(outcome(Training(shuffled[first : first + size], data)), together)


@needs_compiler
def test_chunks_have_the_same_bits():
    runs, data = mixed_runs(batch_norm=True), small_data()
    chunked = Training(runs, data, chunk=4)
    assert [len(chunk.runs) for chunk in chunked.chunks] == [3, 3]
    assert_same(outcome(chunked), outcome(Training(runs, data)))


@needs_compiler
def test_runs_of_different_packs_and_epochs_go_on_in_one_with_the_same_bits():
    runs, data = mixed_runs(batch_norm=False), small_data()
    expected = outcome(Training(runs, data))
    first, second = Training(runs[:4], data), Training(runs[4:], data)
    for _ in range(2):
        first.run_epoch()
    states = [*run_states(first.state_dict()), *run_states(second.state_dict())]
    order = [5, 0, 2, 4]
    mixed = Training([runs[k] for k in order], data, states=[states[k] for k in order])
    for run, (results, state) in outcome(mixed).items():
        assert results == expected[run][0][-len(results) :]
        assert same_bits(state, expected[run][1])


@needs_compiler
def test_a_run_that_leaves_changes_no_bit_of_the_others():
    setting, data = configuration(batch_norm=True, momentum=0.9), small_data()
    whole, thinned = (Training(runs_of(setting, range(4)), data) for _ in range(2))
    expected = [whole.run_epoch() for _ in range(3)]
    thinned.run_epoch()
    thinned.drop([1])
    assert thinned.active == (0, 2, 3)
    for epoch in (1, 2):
        assert numbers(thinned.run_epoch()) == numbers(r for r in expected[epoch] if r.run != 1)
    states, theirs = run_states(thinned.state_dict()), run_states(whole.state_dict())
    assert [state["epoch"] for state in states] == [3, 1, 3, 3]
    assert all(same_bits(states[k], theirs[k]) for k in (0, 2, 3))


@needs_compiler
def test_threads_change_no_bit_of_a_run():
    runs, data = mixed_runs(batch_norm=True, count=3), small_data()
    one = outcome(Training(runs, data))
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        assert_same(outcome(Training(runs, data)), one)
    finally:
        torch.set_num_threads(before)
