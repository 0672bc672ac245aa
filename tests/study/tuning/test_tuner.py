"""Ray Tune for real, on a Ray of this machine; GPUs are Ray's logical ones."""

import json
from pathlib import Path

import ray
from ray import tune

from study.cluster.resources import concurrent_packs, pack_resources
from study.growth.supply import FixedPacks
from study.plan.packs import Pack
from study.plan.planned import planned_by, runs_of
from study.results.paths import ResultsDirectory
from study.space import load_study
from study.tuning.tuner import PackSearcher, make_tuner
from tests.study.commands import write_space
from tests.study.tuning.probe import Probe


def test_half_a_gpu_a_pack_runs_eight_packs_on_four_gpus(tmp_path, monkeypatch):
    grid = ", ".join(map(str, range(8)))
    study = load_study(
        write_space(
            tmp_path, f"name: gpus\nspace: {{num_blocks: {{grid: [{grid}]}}}}\nseeds: 1\nresources: {{gpus: 0.5}}\n"
        )
    )
    seen_folder = tmp_path / "seen"
    seen_folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    ray.init(address="local", num_cpus=9, num_gpus=4, include_dashboard=False, log_to_driver=False)
    try:
        nodes = [node["Resources"] for node in ray.nodes()]
        resources = pack_resources(study.resources, nodes)
        assert concurrent_packs(resources, nodes) == 8
        trainable = tune.with_parameters(Probe, folder=str(seen_folder), together=8)
        results = ResultsDirectory(tmp_path / "results")
        packs = [Pack(f"p{number:04d}", (run,)) for number, run in enumerate(runs_of(planned_by(study)))]
        searcher = PackSearcher(FixedPacks(packs), {}, {})
        outcome = make_tuner(searcher, trainable, resources, study, results, "session-001").fit()
    finally:
        ray.shutdown()
    assert outcome.num_errors == 0
    seen = [json.loads(file.read_text()) for file in seen_folder.iterdir()]
    assert len(seen) == 8
    given = sorted(each["gpus"][0] for each in seen)
    assert given == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert all(each["visible"] == each["gpus"][0] for each in seen)
