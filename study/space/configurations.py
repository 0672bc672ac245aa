"""The configurations of a grid or random search, as a list."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from study.contract.axes import Configuration
from study.space.axes import Form, is_sampled, values_of
from study.space.study import Study

# All of 10,000 equally likely draws, the most a search may ask for, take about 98,000 tries; an interval that holds
# only a few floats would go on for ever.
_TRIES = 300_000


def configurations(study: Study) -> tuple[Configuration, ...]:
    """All configurations of a study, in the order that numbers its trials.

    Grid search: every combination, in the order of the axes (block, num_blocks, batch_norm, lr, epochs), the first
    changing slowest and values in the file's order. Random search: ``samples`` different draws by a numpy generator
    with ``search.seed``, each for every point of the grids, so samples x grid points configurations, the draws changing
    slowest. The list depends on nothing else; numpy may draw other numbers in another of its versions (NEP 19).

    Raises:
        ValueError: an optuna search, whose configurations are drawn while the study runs; or fewer different draws than
            samples can be found.
    """
    if study.search.algorithm == "optuna":
        raise ValueError("search.algorithm optuna draws its configurations while the study runs")
    draws: Iterator[dict[str, Any]] = iter([{}])
    if study.search.algorithm == "random":
        draws = itertools.islice(_different_draws(study, study.search.seed), study.search.samples)
    listed = {axis: values_of(form) or () for axis, form in study.space.axes.items() if not is_sampled(form)}
    points = list(itertools.product(*listed.values()))
    return tuple(Configuration(**draw, **dict(zip(listed, point, strict=True))) for draw in draws for point in points)


def _different_draws(study: Study, seed: int) -> Iterator[dict[str, Any]]:
    """Draws of the sampled axes; one that came before is skipped, as it would give the same runs again."""
    rng = np.random.default_rng(seed)
    sampled = {axis: form for axis, form in study.space.axes.items() if isinstance(form, Form) and form.sampled}
    seen = set()
    for _ in range(_TRIES):
        draw = {axis: form.draw(rng) for axis, form in sampled.items()}
        if tuple(draw.values()) not in seen:
            seen.add(tuple(draw.values()))
            yield draw
    raise ValueError("search.samples: too few different configurations to draw; widen an axis or ask for fewer samples")
