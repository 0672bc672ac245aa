import numpy as np
import pytest
from scipy import special

from analysis.statistics.boundaries import information_growth, levels_by_open, nominal_levels


def _spent(kind: str, alpha: float, looks: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    t = np.arange(1, looks + 1) / looks
    if kind == "O'Brien-Fleming":
        spent = 2 - 2 * special.ndtr(special.ndtri(1 - alpha / 2) / np.sqrt(t))
    else:
        spent = alpha * np.log(1 + (np.e - 1) * t)
    return tuple(spent), tuple(t[1:] / t[:-1])


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        # two-sided 0.05, five equal looks: Lan & DeMets (1983) as printed by Reboussin et al. (2000)
        ("O'Brien-Fleming", [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ("Pocock", [2.4380, 2.4268, 2.4101, 2.3966, 2.3860]),
    ],
)
def test_bounds_are_those_of_published_tables(kind: str, bounds: list[float]) -> None:
    levels = nominal_levels(*_spent(kind, 0.025, 5))
    np.testing.assert_allclose(-special.ndtri(levels), bounds, atol=5e-4)


def test_pocock_s_constant_bound_spends_5_percent() -> None:
    """Jennison & Turnbull (2000, table 2.1): C_P(5, 0.05) = 2.413, two-sided; a side spends half of it."""
    constant = float(special.ndtr(-2.413))
    growth = (2.0, 3 / 2, 4 / 3, 5 / 4)
    z = np.random.default_rng(1).normal(size=(400_000, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    spent = tuple(np.array([(z[:, :k] > 2.413).any(axis=1).mean() for k in range(1, 6)]))
    assert spent[-1] == pytest.approx(0.025, abs=8e-4)
    np.testing.assert_allclose(nominal_levels(spent, growth), constant, rtol=0.1)


def test_one_look_spends_all_and_a_look_without_new_runs_nothing() -> None:
    assert nominal_levels((0.05,), ()) == (0.05,)
    assert nominal_levels((0.02, 0.05), (1.0,)) == (0.02, 0.0)
    later = nominal_levels((0.02, 0.03, 0.05), (1.0, 2.0))
    assert later[2] == pytest.approx(nominal_levels((0.02, 0.05), (2.0,))[1], rel=1e-6)


def test_levels_lie_between_the_part_of_a_look_and_all_that_is_spent_by_it() -> None:
    spent = tuple(0.005 * k / 6 for k in range(1, 7))
    levels = nominal_levels(spent, (1.6, 1.4, 1.5, 1.5, 1.5))
    parts = np.diff([0, *spent])
    assert (np.array(levels) >= parts - 1e-12).all()
    assert (np.array(levels) <= np.array(spent) + 1e-12).all()


def test_fewer_undecided_comparisons_have_larger_levels() -> None:
    levels = levels_by_open(0.05, (0.3, 0.6, 0.9), (1.6, 1.5), 20)
    assert (np.diff(levels) < 0).all()
    assert levels[0] < 0.05


def test_a_larger_growth_spends_less() -> None:
    wide, narrow = nominal_levels((0.01, 0.02), (5.0,)), nominal_levels((0.01, 0.02), (1.3,))
    assert wide[1] < narrow[1]


@pytest.mark.parametrize("ratio", [0.01, 1.0, 100.0])
def test_information_never_grows_more_than_is_assumed(ratio: float) -> None:
    a, b = (5, 8, 11, 40), (5, 16, 22, 80)
    information = 1 / (1 / np.array(a) + ratio / np.array(b))
    assert (information[1:] / information[:-1] <= np.array(information_growth(a, b)) + 1e-12).all()


@pytest.mark.parametrize("spent", [(0.05, 0.02), (0.0, 0.05), (0.5, 1.5)])
def test_error_that_does_not_rise_within_0_and_1_is_refused(spent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must rise within 0 and 1"):
        nominal_levels(spent, (2.0,))


def test_looks_and_growths_must_fit() -> None:
    with pytest.raises(ValueError, match="2 looks need 1 growths, not 2"):
        nominal_levels((0.01, 0.02), (2.0, 2.0))
