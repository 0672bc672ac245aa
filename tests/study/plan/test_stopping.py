"""The stop rules of a single run."""

import pytest

from study.plan.stopping import stop_reason
from study.space.sections import Plateau, Stop

RISING = [10.0, 30.0, 50.0, 60.0]
FLAT = [10.0, 50.0, 50.5, 49.0, 50.5]


def ends_after(stop: Stop, validation: list[float]) -> tuple[int, str] | None:
    """The first epoch after which the rules end the run, and why."""
    for epoch in range(1, len(validation) + 1):
        reason = stop_reason(stop, validation[:epoch])
        if reason is not None:
            return epoch, reason
    return None


@pytest.mark.parametrize(
    ("stop", "validation", "expected"),
    [
        (Stop(), RISING, None),
        (Stop(target=50), RISING, (3, "target")),
        (Stop(target=61), RISING, None),
        (Stop(plateau=Plateau(epochs=1)), RISING, None),
        (Stop(plateau=Plateau(epochs=1)), FLAT, (4, "plateau")),
        (Stop(plateau=Plateau(epochs=2)), FLAT, (5, "plateau")),
        (Stop(plateau=Plateau(epochs=3)), FLAT, None),
        (Stop(plateau=Plateau(epochs=1, by=1)), FLAT, (3, "plateau")),
        (Stop(plateau=Plateau(epochs=3, by=1)), FLAT, (5, "plateau")),
        # A rise by exactly as much as asked for is none beyond it.
        (Stop(plateau=Plateau(epochs=1, by=20)), RISING, (2, "plateau")),
        (Stop(target=50.5, plateau=Plateau(epochs=1)), FLAT, (3, "target")),
    ],
)
def test_the_epoch_after_which_a_run_ends(stop, validation, expected):
    assert ends_after(stop, validation) == expected


def test_without_validation_images_nothing_ends():
    assert stop_reason(Stop(target=1, plateau=Plateau(epochs=1)), []) is None
