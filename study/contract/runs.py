"""A run: the unit of every statistic and of all bookkeeping."""

from dataclasses import dataclass

from study.contract.axes import Configuration


@dataclass(frozen=True)
class Run:
    """One configuration with one seed; it is trained once, ever.

    Attributes:
        configuration: everything but the seed.
        seed: fixes the initialisation and the order of the images.
    """

    configuration: Configuration
    seed: int
