"""Results and caches that a stranger made: read without running what they hold."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.report import write_report
from study.data.folder import load_folder
from tests.analysis.simulate import Simulation, simulate
from tests.faults.damage import Attack
from tests.study.data.helpers import write_folder


def with_a_pickled_type(file: Path, attack: Attack) -> None:
    """A column of a type that Arrow once unpickled when it read one (CVE-2023-47248)."""
    table = pq.read_table(file)
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(attack)}
    field = table.schema.field("seed").with_metadata(metadata)
    table = table.set_column(table.schema.get_field_index("seed"), field, table.column("seed"))
    pq.write_table(table, file)
    assert pickle.dumps(attack) in pq.read_schema(file).serialize().to_pybytes()


def test_tables_and_states_of_ray_are_analysed_without_running_anything(tmp_path):
    results, attack = simulate(tmp_path / "results", Simulation()), Attack(tmp_path / "harm")
    for name in ("curves.parquet", "trials.parquet"):
        with_a_pickled_type(results / name, attack)
    session = results / "trials" / "session-001"
    session.mkdir(parents=True)
    for name in ("tuner.pkl", "trainable.pkl", "searcher-state-a.pkl"):
        (session / name).write_bytes(pickle.dumps(attack))
    shutil.rmtree(results / "records")  # so that curves.parquet is read
    report = write_report(results, formats=())
    assert len(report.summary)
    assert not attack.folder.exists()


@pytest.mark.parametrize("protocol", [2, 5])
def test_the_cache_of_an_image_folder_is_made_anew(tmp_path, caplog, protocol):
    folder, attack = write_folder(tmp_path / "pets", {"cat": 2, "dog": 2}), Attack(tmp_path / "harm")
    before = load_folder(folder, tmp_path / "data")
    (cache,) = (tmp_path / "data" / "cache").glob("*.npz")
    with np.load(cache) as arrays:
        content: dict[str, Any] = dict(arrays)
    for key in ("classes", "train_images", "key"):
        harmful: Any = np.empty(1, object)
        harmful[0] = attack
        arrays: dict[str, Any] = content | {key: harmful}
        np.savez(cache, **arrays)
        caplog.clear()
        assert load_folder(folder, tmp_path / "data").fingerprint == before.fingerprint
        assert "damaged (Object arrays cannot be loaded when allow_pickle=False)" in caplog.text
    cache.write_bytes(pickle.dumps(attack, protocol=protocol))
    assert load_folder(folder, tmp_path / "data").fingerprint == before.fingerprint
    assert not attack.folder.exists()
