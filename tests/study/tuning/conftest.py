"""A Ray of this machine for the tests of packs: one CPU, and one logical GPU that torch does not see."""

import os
from collections.abc import Iterator

import pytest
import ray

from tests.study.commands import ROOT


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        patch.setenv("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
        assert os.environ["RAY_AIR_NEW_OUTPUT"] == "0"
        ray.init(address="local", num_cpus=1, num_gpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()
