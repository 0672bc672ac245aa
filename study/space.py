"""What a study asks: the space of configurations."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Configuration:
    """Everything about a run but its seed.

    Attributes:
        block: "residual", or "conv" for the same block without the skip connection.
        num_blocks: blocks of the network, 0 or more.
        batch_norm: whether a block normalises after each convolution.
        lr: learning rate of plain SGD.
        epochs: passes over the training set.
    """

    block: Literal["residual", "conv"]
    num_blocks: int
    batch_norm: bool
    lr: float
    epochs: int
