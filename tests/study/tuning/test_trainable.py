"""What Ray gives a trial: images without a copy, and a device."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from study.plan.trials import plan_of
from study.results.directory import ResultsDirectory
from study.space import load_study
from study.tuning.trainable import ReplicaTrainable, TrialSettings
from study.tuning.tuner import make_tuner
from tests.helpers import tiny_data
from tests.study.commands import ROOT, write_space


class Witness(ReplicaTrainable):
    """Writes down where its images lie."""

    def step(self) -> dict[str, Any]:
        images = self._data.train_images
        facts = {"writeable": images.flags.writeable, "owns": images.flags.owndata, "bytes": images.nbytes}
        facts["view"] = self._training._train.pixels.data_ptr() == images.ctypes.data
        (self._settings.records.parent / "witness.json").write_text(json.dumps(facts))
        return super().step()


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    """One logical GPU, which torch does not see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        ray.init(address="local", num_cpus=1, num_gpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


def fit(folder: Path, trainable: type[ReplicaTrainable], gpus: float) -> tune.ResultGrid:
    study = load_study(write_space(folder, "name: a\nspace: {num_blocks: 1, epochs: 1}\nseeds: 2\n"))
    results = ResultsDirectory(folder)
    results.records.mkdir()
    settings = TrialSettings(study.seed_list, "float32", stop_when_diverged=False, cpus=1, records=results.records)
    given = tune.with_parameters(trainable, data=tiny_data(), settings=settings)
    return make_tuner(plan_of(study), given, {"CPU": 1, "GPU": gpus}, study, results).fit()


def test_a_trial_maps_the_images_without_a_copy(tmp_path):
    outcome = fit(tmp_path, Witness, gpus=0)
    assert outcome.num_errors == 0
    facts = json.loads((tmp_path / "witness.json").read_text())
    assert facts == {"writeable": False, "owns": False, "bytes": tiny_data().train_images.nbytes, "view": True}


def test_it_reports_the_mean_over_the_seeds_and_each_seeds_value(tmp_path):
    outcome = fit(tmp_path, ReplicaTrainable, gpus=0)
    metrics = outcome[0].metrics
    assert metrics is not None
    for measure in ("train_loss", "train_accuracy", "test_accuracy"):
        values = [metrics[f"seed_{seed}/{measure}"] for seed in (0, 1)]
        assert values[0] != values[1]
        assert metrics[measure] == pytest.approx(sum(values) / 2)
    assert "validation_accuracy" not in metrics
    assert metrics["device"] in ("cpu (kernels)", "cpu (PyTorch)")


def test_a_gpu_that_torch_cannot_use_is_an_error_that_says_so(tmp_path):
    outcome = fit(tmp_path, ReplicaTrainable, gpus=1)
    assert "Ray gave this trial GPU 0" in str(outcome.errors[0])
    assert "torch sees no CUDA device" in str(outcome.errors[0])
