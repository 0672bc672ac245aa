"""Lines of records, as a pack reports them."""

from collections.abc import Sequence

from study.contract.axes import Configuration
from study.contract.records import EpochLine
from study.contract.runs import Run
from study.plan.planned import PlannedRun


def line(
    epoch: int,
    seeds: Sequence[int] = (0,),
    *,
    diverged: bool = False,
    value: float = 10.0,
    validation: float | None = None,
    finished: str = "2026-11-26T00:00:00+00:00",
) -> EpochLine:
    """An epoch of the runs with these seeds; the values of seed s lie s above ``value``."""
    each = [value + seed for seed in seeds]
    return EpochLine(
        epoch=epoch,
        seeds=list(seeds),
        iterations=3 * epoch,
        seconds=[1.0 * epoch] * len(seeds),
        train_loss=[None if diverged else 1.0] * len(seeds),
        train_accuracy=each,
        validation_accuracy=None if validation is None else [validation] * len(seeds),
        test_accuracy=each,
        diverged=[diverged] * len(seeds),
        finished=finished,
        host="here",
        device="cpu (kernels)",
        pid=1,
        pack="p0000",
    )


def run_of(number: int, seed: int = 0, **axes: object) -> PlannedRun:
    """A run of the configuration with this number."""
    return PlannedRun(f"{number:04d}", Run(Configuration.of(axes), seed))
