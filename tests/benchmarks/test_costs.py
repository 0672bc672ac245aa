"""Growth, overhead, parts of an epoch and memory: how they are reckoned."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import growth, overhead
from benchmarks.cases import Case, Network
from benchmarks.memory import PeakMemory
from benchmarks.processes import CaseError
from benchmarks.shared_images import cut, lay_out
from benchmarks.stopwatch import PARTS, parts_of_epoch
from benchmarks.throughput_cases import Images
from benchmarks.tune_case import PackTimes, TuneRun, command_rate, epochs_rate, packs_of
from benchmarks.worker import host_seconds_per_step, warm_training
from study.results.files import append_lines
from tests.helpers import tiny_data
from tests.study.lines import line

NETWORK = Network(num_blocks=1, batch_norm=False, device="cpu", precision="float32")
# Two trials of three seeds and two epochs, each on half of the images.
TUNE = Case("Ray Tune", "tune", replicas=3, processes=2, epochs=2)
RUN = TuneRun(
    wall=30,
    packs=[PackTimes(5, 15, 9, 1, "cpu"), PackTimes(8, 20, 11, 2, "cpu")],
    memory_mib=None,
    process_mib={2: 7, 3: 9},
)


def test_growth_has_a_table_and_rows_for_every_series(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "QUICK_BLOCKS", (1, 2))
    monkeypatch.setattr(growth, "QUICK_REPLICAS", (1, 2))
    lay_out(cut(tiny_data(640, 128), 0), tmp_path)
    table, values, complete = growth.run(NETWORK, Images(tmp_path, 0.0128, None), 1, quick=True)
    assert complete
    assert table.count("relative to the smallest") == 4
    for rows in values["growth"].values():
        assert [row["size"] for row in rows] == [1, 2]
        assert [row["relative"] == 1 for row in rows] == [True, False]


def test_growth_is_relative_to_the_smallest_size():
    rows = growth.growth_rows([1, 5, 10], [[3.0, 1.0, 2.0], [6.0], [11.0]])
    assert [row["relative"] for row in rows] == [1, 0.6, 0.55]
    assert [row["added"] for row in rows] == [None, 1, 1]


def test_what_is_between_the_epochs_is_overhead():
    values = overhead.overhead_values(RUN, TUNE, share=0.5)
    assert values == {"seconds_between_epochs": 1, "seconds_of_an_epoch": 10, "share": 0.1}
    assert overhead.pack_memory(RUN) == 7


def test_only_the_epochs_are_scaled_up():
    assert epochs_rate(RUN, TUNE, share=0.5) == pytest.approx((3 + 3) / (20 - 5))
    assert command_rate(RUN, TUNE, share=0.5) == pytest.approx(12 / (18 + 24))


def test_records_tell_when_the_epochs_of_each_pack_began_and_ended(tmp_path):
    (tmp_path / "records").mkdir()
    for trial_id in ("0000", "0001"):
        header = {"format": 2, "trial_id": trial_id, "stage": "explore", "configuration": {"lr": 1.0 + int(trial_id)}}
        lines = []
        for epoch, (seconds, finished) in enumerate([(2.0, "00:00:10"), (3.5, "00:00:14")], start=1):
            each = line(epoch, (int(trial_id),)) | {"seconds": [seconds], "finished": f"2026-01-01T{finished}+00:00"}
            lines.append(each | {"pid": 5})
        append_lines(tmp_path / "records" / f"{trial_id}.jsonl", [header, *lines])
    (pack,) = packs_of(tmp_path)
    assert datetime.fromtimestamp(pack.began, UTC).isoformat() == "2026-01-01T00:00:06+00:00"
    assert datetime.fromtimestamp(pack.ended, UTC).isoformat() == "2026-01-01T00:00:14+00:00"
    assert (pack.seconds, pack.training, pack.process, pack.computation) == (8, 7, 5, "cpu (kernels)")


def test_a_study_without_epochs_has_no_packs(tmp_path):
    with pytest.raises(CaseError, match="no epochs"):
        packs_of(tmp_path)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_the_parts_of_an_epoch_add_up_to_it(kernels, monkeypatch):
    from study.training.kernels import build

    monkeypatch.setenv(build.SWITCH, kernels)
    build._library.cache_clear()
    training = warm_training(Case("", "study", replicas=2, num_blocks=1), cut(tiny_data(640, 128), 0))
    parts = parts_of_epoch(training, "cpu")
    build._library.cache_clear()
    assert set(parts) == set(PARTS)
    assert sum(parts.values()) > 0
    assert (parts["data"] > 0) == (training.backend == "PyTorch")
    assert all(parts[part] > 0 for part in ("forward", "backward", "accuracy"))
    assert host_seconds_per_step(training, "cpu") > 0


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux")
def test_memory_is_that_of_all_processes_without_what_they_share():
    ours = os.getpid()
    with PeakMemory([ours], []) as everything:
        pass
    with PeakMemory([ours], ["/"]) as without_files:
        pass
    assert everything.tree_mib
    assert 0 < without_files.process_mib[ours] < everything.process_mib[ours]
