"""What is measured: the cases of the table, and what a process of one is asked to do."""

import dataclasses
import json
from typing import Literal

# What a process of a case is asked for: the time alone, or that of its parts, which may slow it down.
TIME, PARTS = "time", "parts"
Kind = Literal["notebook", "study", "tune"]


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table, or two for Ray Tune.

    Attributes:
        name: the row's.
        kind: the notebook's loop, the study's loop, or the study through Ray Tune.
        replicas: runs that a process trains side by side.
        processes: how many do so at once.
        threads: of PyTorch in each; 0 leaves PyTorch's default.
        kernels: whether the study may use its own.
        num_blocks: of the network.
        batch_norm: of the network.
        device: a torch device.
        precision: of the study's loop.
        epochs: measured one after another; the first of Ray Tune's holds what comes up once.
    """

    name: str
    kind: Kind
    replicas: int = 1
    processes: int = 1
    threads: int = 1
    kernels: bool = True
    num_blocks: int = 10
    batch_norm: bool = False
    device: str = "cpu"
    precision: str = "float32"
    epochs: int = 1

    def to_json(self) -> str:
        """For ``from_json``."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Case":
        """The case that ``to_json`` wrote."""
        return cls(**json.loads(text))


@dataclasses.dataclass(frozen=True)
class Network:
    """What every case trains."""

    num_blocks: int
    batch_norm: bool
    device: str
    precision: str


def table_of(network: Network, cores: int, replicas: list[int], tune: tuple[int, int]) -> list[Case]:
    """The cases in the order of the table.

    Args:
        network: what all of them train.
        cores: that may be used. On a CPU a run takes one thread, so that many processes run at once.
        replicas: numbers of runs side by side.
        tune: seeds and epochs of each of Ray Tune's trials.
    """
    common = dataclasses.asdict(network)
    on_gpu = network.device != "cpu"
    processes = 1 if on_gpu else cores
    where = f", on each of {processes} cores" if processes > 1 else ""
    cases = [
        Case("the notebook's loop", "notebook", threads=0, **common),
        Case("a lone run", "study", **common),
    ]
    if processes > 1:
        cases.append(Case(f"a lone run{where}", "study", processes=processes, **common))
    for count in replicas:
        if count > 1:
            cases.append(Case(f"{count} replicas{where}", "study", replicas=count, processes=processes, **common))
    seeds, epochs = tune
    if not on_gpu:
        name = f"PyTorch alone, {seeds} replicas{where}"
        cases.append(Case(name, "study", replicas=seeds, processes=processes, kernels=False, **common))
    cases.append(Case("Ray Tune", "tune", replicas=seeds, processes=processes, epochs=epochs, **common))
    return cases
