"""A simulated study: its plan, and curves that look like CIFAR-10 training."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.contract.axes import AXES
from study.contract.axes import Configuration as Settings
from study.contract.states import Stage

DEFAULTS = Settings().as_dict()
Configuration = dict[str, Any]


def notebook_like(c: Configuration) -> float:
    """Return a plausible asymptote of the test accuracy of a configuration, in percent."""
    depth = {0: 52.0, 1: 55.0, 3: 58.0, 5: 59.0, 10: 60.0, 20: 59.0}.get(c["num_blocks"], 58.0)
    rate = -3.0 * abs(np.log10(c["lr"]) + 1.7) ** 1.5
    return float(depth + 2.0 * c["batch_norm"] - 2.5 * (c["block"] == "conv") + rate)


@dataclass(frozen=True)
class Simulation:
    """A study to simulate; every field has the default of a small complete grid.

    stopped, failed: after how many epochs the configuration at a position of the plan ended so. confirmed: positions of
    configurations that are trained again, with fresh seeds, to confirm them. packed: how many configurations share a
    pack. Of configurations that differ in epochs alone the longest is trained, and the others are derived from it.
    """

    space: Mapping[str, Any] = field(default_factory=dict)
    configurations: tuple[Configuration, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    top: Callable[[Configuration], float] = notebook_like
    seed_sd: float = 0.8
    validation: int = 0
    search: Mapping[str, Any] = field(default_factory=lambda: {"algorithm": "grid"})
    scheduler: Mapping[str, Any] = field(default_factory=lambda: {"name": "none"})
    compare: Mapping[str, Any] = field(default_factory=dict)
    diverges: Callable[[Configuration, int], bool] = lambda c, seed: False
    stopped: Mapping[int, int] = field(default_factory=dict)
    failed: Mapping[int, int] = field(default_factory=dict)
    confirmed: tuple[int, ...] = ()
    packed: int = 1
    on_divergence: str = "continue"
    format: int = 2
    ended: bool = True
    devices: tuple[str, ...] = ("cuda:0 (NVIDIA H200)", "cuda:1 (NVIDIA H200)")
    rng: int = 0
    name: str = "depth"

    def plan(self) -> list[Configuration]:
        if self.configurations is not None:
            return [{**DEFAULTS, **c} for c in self.configurations]
        space = {**DEFAULTS, **self.space}
        values = [space[a]["grid"] if isinstance(space[a], dict) else [space[a]] for a in AXES]
        return [dict(zip(AXES, point, strict=True)) for point in itertools.product(*values)]


@dataclass
class Planned:
    """A configuration of a simulated study: where it stands in the plan, its seeds, and what came of it.

    done: epochs of each run. seconds: of the whole configuration by the end of each epoch.
    """

    number: int
    settings: Configuration
    stage: Stage
    seeds: tuple[int, ...]
    state: str
    longest: int
    done: list[int] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def trial_id(self) -> str:
        return f"{self.number:04d}"


def planned(simulation: Simulation) -> list[Planned]:
    plan: list[Planned] = []
    for number, settings in enumerate(simulation.plan()):
        state = "stopped" if number in simulation.stopped else "failed" if number in simulation.failed else "completed"
        plan.append(Planned(number, settings, "explore", simulation.seeds, state, number))
    for position in simulation.confirmed:
        fresh = tuple(max(simulation.seeds) + 1 + seed for seed in simulation.seeds)
        plan.append(Planned(len(plan), plan[position].settings, "confirm", fresh, "completed", len(plan)))
    for one in plan:
        same = [p for p in plan if _parts_of_one_run(p, one)]
        one.longest = max(same, key=lambda p: p.settings["epochs"]).number
    return plan


def _parts_of_one_run(a: Planned, b: Planned) -> bool:
    different = [axis for axis in AXES if a.settings[axis] != b.settings[axis]]
    constant = a.settings["lr_schedule"] == "constant"
    return a.number == b.number or (a.stage == b.stage and different == ["epochs"] and constant)


def packs(trained: list[Planned], size: int) -> Iterator[list[Planned]]:
    for start in range(0, len(trained), size):
        yield trained[start : start + size]


def train(plan: list[Planned], simulation: Simulation) -> None:
    """Fill in the numbers: those of the longest runs first, of which the others are the beginning."""
    rng = np.random.default_rng(simulation.rng)
    for each in plan:
        if each.longest != each.number:
            continue
        epochs = each.settings["epochs"]
        done = simulation.stopped.get(each.number, simulation.failed.get(each.number, epochs))
        one = Simulation(**{**vars(simulation), "seeds": each.seeds})
        each.values = accuracies(one, each.settings, max(done, 1), rng)
        pace = (0.8 + 0.4 * each.settings["num_blocks"]) * len(each.seeds) ** 0.5
        each.seconds = np.cumsum(rng.normal(pace, 0.02 * pace, max(done, 1)))
        each.done = [_until(each.values["diverged"][:done, place], simulation) for place in range(len(each.seeds))]
    for each in plan:
        if each.longest != each.number:
            longer = plan[each.longest]
            each.values, each.seconds = longer.values, longer.seconds
            each.done = [min(done, each.settings["epochs"]) for done in longer.done]
            each.state = "derived" if longer.state == "completed" else longer.state


def _until(diverged: np.ndarray, simulation: Simulation) -> int:
    """How many epochs a run is trained for."""
    if simulation.on_divergence == "stop" and diverged.any():
        return int(np.argmax(diverged)) + 1
    return len(diverged)


def accuracies(
    simulation: Simulation, c: Configuration, epochs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return arrays (epochs, seeds): saturating accuracy and loss, with seed and epoch noise."""
    seeds = len(simulation.seeds)
    epoch = np.arange(1, epochs + 1)[:, None]
    top = simulation.top(c) + rng.normal(0, simulation.seed_sd, seeds)
    tau = 6.0 * (1 + c["num_blocks"] / 20) / (1.5 if c["batch_norm"] else 1.0)
    rise = 1 - 0.85 * np.exp(-((epoch / tau) ** 0.7))
    wobble = rng.normal(0, 0.35, (epochs, seeds))
    test = 10 + (top - 10) * rise + wobble
    train = test + 7 * (epoch / 25) ** 1.2 * rise + rng.normal(0, 0.2, (epochs, seeds)) - 1
    result = {
        "train_accuracy": np.clip(train, 8, 99.9),
        "validation_accuracy": np.clip(test + rng.normal(0.2, 0.5, (epochs, seeds)), 8, 99.9),
        "test_accuracy": np.clip(test, 8, 99.9),
        "train_loss": np.clip(2.35 - 1.9 * train / 100, 0.02, None),
    }
    broken = [simulation.diverges(c, seed) for seed in simulation.seeds]
    start = 3 + rng.integers(0, 4, seeds)
    lost = np.array(broken) & (epoch >= start)
    for name, values in result.items():
        values[lost] = np.nan if name == "train_loss" else 10.0
    return {**result, "diverged": lost}
