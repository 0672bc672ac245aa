"""The configurations of a study as a list: those of a grid, a random search, or listed one by one."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from study.contract.axes import Configuration
from study.space.axes import Form, Listed, is_sampled, values_of

if TYPE_CHECKING:
    from study.space.study import Study

# All of 10,000 equally likely draws, the most a search may ask for, take about 98,000 tries; an interval that holds
# only a few floats would go on for ever.
_TRIES = 300_000


def configurations(study: "Study") -> tuple[Configuration, ...]:
    """All configurations of a study, in the order that numbers its trials; of equal networks the first.

    Listed: in the file's order. Grid search: every combination, in the order of the table of axes, the first axis
    changing slowest and values in the file's order. Random search: ``samples`` different draws by a numpy generator
    with ``search.seed``, each for every point of the grids, so samples x grid points configurations, the draws changing
    slowest. The list depends on nothing else; numpy may draw other numbers in another of its versions (NEP 19).

    Raises:
        ValueError: an optuna search, whose configurations are drawn while the study runs; or fewer different draws than
            samples can be found.
    """
    if study.search.algorithm == "optuna":
        raise ValueError("search.algorithm optuna draws its configurations while the study runs")
    if study.configurations:
        return tuple(Configuration.of(study.space.axes | entry) for entry in study.configurations)
    if study.search.algorithm == "grid":
        return tuple(itertools.chain.from_iterable(_new_in(study, [{}])))
    found = list(itertools.islice(_new_in(study, _random_draws(study, study.search.seed)), study.search.samples))
    if len(found) < study.search.samples:
        raise ValueError(
            "search.samples: too few different configurations to draw; widen an axis or ask for fewer samples"
        )
    return tuple(itertools.chain.from_iterable(found))


def different_draws(study: "Study", most: int) -> int | None:
    """How many draws of a search differ from each other, counted up to ``most``; None where it draws from intervals."""
    drawn = {axis: form for axis, form in study.space.axes.items() if is_sampled(form)}
    if not all(isinstance(form, Listed) for form in drawn.values()):
        return None
    combinations = itertools.product(*(form.values for form in drawn.values()))
    draws = (dict(zip(drawn, each, strict=True)) for each in combinations)
    return sum(1 for _ in itertools.islice(_new_in(study, draws), most))


def _new_in(study: "Study", draws: Iterable[dict[str, Any]]) -> Iterator[list[Configuration]]:
    """The configurations of each draw, one for each point of the grids, without those that came before.

    A draw that brings none is skipped: it would give the same runs again.
    """
    listed = {axis: values_of(form) or () for axis, form in study.space.axes.items() if not is_sampled(form)}
    points = [dict(zip(listed, point, strict=True)) for point in itertools.product(*listed.values())]
    seen_draws = set()
    seen = set()
    for draw in draws:
        if tuple(draw.values()) in seen_draws:
            continue
        seen_draws.add(tuple(draw.values()))
        new = []
        for point in points:
            configuration = Configuration(**draw, **point)
            network = configuration.canonical()
            if network not in seen:
                seen.add(network)
                new.append(configuration)
        if new:
            yield new


def _random_draws(study: "Study", seed: int) -> Iterator[dict[str, Any]]:
    """Values of the sampled axes, again and again; they may repeat."""
    import numpy as np  # here, since grids do not need it and it takes a tenth of a second

    rng = np.random.default_rng(seed)
    sampled = {axis: form for axis, form in study.space.axes.items() if isinstance(form, Form) and form.sampled}
    for _ in range(_TRIES):
        yield {axis: form.draw(rng) for axis, form in sampled.items()}
