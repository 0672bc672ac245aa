"""When a run has trained enough: rules that look at its own epochs alone."""

from collections.abc import Sequence

from study.contract.states import StopReason
from study.space.sections import Stop


def stop_reason(stop: Stop, validation: Sequence[float]) -> StopReason | None:
    """Why a run ends with its latest epoch; None where it goes on.

    Args:
        stop: the rules.
        validation: its accuracy on the held-out images after each epoch so far, in percent; empty where there are none.
    """
    if not validation:
        return None
    if stop.target is not None and validation[-1] >= stop.target:
        return "target"
    if stop.plateau is not None and len(validation) > stop.plateau.epochs:
        before, latest = validation[: -stop.plateau.epochs], validation[-stop.plateau.epochs :]
        if max(latest) <= max(before) + stop.plateau.by:
            return "plateau"
    return None
