import logging
import multiprocessing
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from study.data.arrays import DataError
from study.data.cifar10 import load_cifar10
from tests.study.data.helpers import random_pixels
from tests.study.data.small_cifar import BASE_FOLDER, CLASSES, SmallCifar, serve

SMALL = SmallCifar.make()
WAYS_ON = ("--data-dir", "--data FOLDER", "--data digits")


@pytest.fixture(autouse=True)
def loopback_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def nowhere() -> str:
    """A URL on a port where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/archive.tar.gz"


def assert_nothing_is_left_but_the_lock(data_dir: Path) -> None:
    assert [path.name for path in data_dir.iterdir()] == [f"{BASE_FOLDER}.lock"]


def test_a_download(tmp_path: Path) -> None:
    with serve(SMALL.archive) as site:
        data = load_cifar10(tmp_path / "data", SMALL.dataset(site.url))
    assert (data.name, data.classes) == ("CIFAR-10", tuple(CLASSES))
    expected = np.concatenate([random_pixels(10, 0), random_pixels(10, 1)])
    as_stored = data.train_images.transpose(0, 3, 1, 2).reshape(20, -1)
    assert np.array_equal(as_stored, expected.reshape(20, -1))
    assert data.train_labels.tolist() == [*range(10), *range(10)]
    assert data.test_images.shape == (10, 32, 32, 3)
    assert data.train_images.flags.c_contiguous
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        BASE_FOLDER,
        f"{BASE_FOLDER}.lock",
    ]


def test_what_is_there_is_used_without_the_network(tmp_path: Path, nowhere: str) -> None:
    SMALL.unpack(tmp_path)
    assert len(load_cifar10(tmp_path, SMALL.dataset(nowhere)).train_images) == 20


def test_an_archive_put_there_by_hand_is_used_and_kept(tmp_path: Path, nowhere: str) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(SMALL.archive)
    assert len(load_cifar10(tmp_path, SMALL.dataset(nowhere)).train_images) == 20
    assert archive.read_bytes() == SMALL.archive


def test_the_fingerprint_does_not_depend_on_how_the_data_came(tmp_path: Path, nowhere: str) -> None:
    SMALL.unpack(tmp_path / "unpacked")
    with serve(SMALL.archive) as site:
        downloaded = load_cifar10(tmp_path / "downloaded", SMALL.dataset(site.url))
    unpacked = load_cifar10(tmp_path / "unpacked", SMALL.dataset(nowhere))
    assert downloaded.fingerprint == unpacked.fingerprint


def test_nobody_listens(tmp_path: Path, nowhere: str) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded.*refused") as raised:
        load_cifar10(tmp_path, SMALL.dataset(nowhere))
    assert all(way in str(raised.value) for way in WAYS_ON)
    assert_nothing_is_left_but_the_lock(tmp_path)


@pytest.mark.parametrize(
    ("body", "promised", "status", "reason"),
    [
        (b"busy", None, 503, "503"),
        (SMALL.archive[: len(SMALL.archive) // 2], len(SMALL.archive), 200, "cut short"),
        (SMALL.archive[:-1] + b"?", None, 200, "wrong MD5 checksum"),
    ],
    ids=["refused", "cut off", "another file"],
)
def test_a_failed_download_leaves_nothing_and_the_next_call_tries_again(
    tmp_path: Path, body: bytes, promised: int | None, status: int, reason: str
) -> None:
    with (
        serve(body, promised=promised, status=status) as site,
        pytest.raises(DataError, match=reason) as raised,
    ):
        load_cifar10(tmp_path, SMALL.dataset(site.url))
    assert site.url in str(raised.value)
    assert all(way in str(raised.value) for way in WAYS_ON)
    assert_nothing_is_left_but_the_lock(tmp_path)
    with serve(SMALL.archive) as site:
        assert len(load_cifar10(tmp_path, SMALL.dataset(site.url)).train_images) == 20


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    with serve(SMALL.archive) as site:
        site.go_on.clear()
        with pytest.raises(DataError, match="timed out"):
            load_cifar10(tmp_path, SMALL.dataset(site.url), silence=0.3)
    assert socket.getdefaulttimeout() is None
    assert_nothing_is_left_but_the_lock(tmp_path)


def test_a_damaged_archive_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(SMALL.archive[:-100])
    with (
        serve(SMALL.archive) as site,
        pytest.raises(DataError, match=r"cifar-10-python.tar.gz: damaged or incomplete"),
    ):
        load_cifar10(tmp_path, SMALL.dataset(site.url))
    assert site.requests == 0
    assert archive.read_bytes() == SMALL.archive[:-100]
    assert not (tmp_path / BASE_FOLDER).exists()


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_damaged_folder_is_an_error_that_names_the_files(tmp_path: Path, nowhere: str, name: str) -> None:
    folder = SMALL.unpack(tmp_path)
    (folder / name).write_bytes(SMALL.files[name][:-1])
    with pytest.raises(DataError, match=rf"damaged or incomplete \({name}: wrong checksum\)"):
        load_cifar10(tmp_path, SMALL.dataset(nowhere))
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"damaged or incomplete \({name}: missing\)"):
        load_cifar10(tmp_path, SMALL.dataset(nowhere))


def test_a_place_that_cannot_be_written(tmp_path: Path, nowhere: str) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(DataError, match="data: CIFAR-10 cannot be put there"):
        load_cifar10(tmp_path / "data", SMALL.dataset(nowhere))


def load_in_a_process(data_dir: Path, url: str, small: SmallCifar, start, results) -> None:
    start.wait()
    results.put(load_cifar10(data_dir, small.dataset(url)).fingerprint)


def test_of_two_processes_one_downloads_and_the_other_waits(tmp_path: Path) -> None:
    with serve(SMALL.archive) as site:
        alone = load_cifar10(tmp_path / "alone", SMALL.dataset(site.url))
        requests_of_one = site.requests
        context = multiprocessing.get_context("spawn")
        start, results = context.Barrier(2), context.Queue()
        arguments = (tmp_path / "both", site.url, SMALL, start, results)
        processes = [context.Process(target=load_in_a_process, args=arguments) for _ in range(2)]
        for process in processes:
            process.start()
        assert {results.get(timeout=60) for _ in processes} == {alone.fingerprint}
        for process in processes:
            process.join(timeout=60)
        assert site.requests == 2 * requests_of_one


def test_a_process_killed_in_the_middle_of_the_download_does_no_harm(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with serve(SMALL.archive) as site:
        site.go_on.clear()
        arguments = (tmp_path, site.url, SMALL, context.Barrier(1), context.Queue())
        process = context.Process(target=load_in_a_process, args=arguments)
        process.start()
        partial = tmp_path / f".{BASE_FOLDER}.incomplete"
        while not any(file.stat().st_size for file in partial.glob("*.tar.gz")):
            assert process.is_alive()
            time.sleep(0.01)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(timeout=60)
        assert partial.exists()
        assert not (tmp_path / BASE_FOLDER).exists()
        site.go_on.set()
        assert len(load_cifar10(tmp_path, SMALL.dataset(site.url)).train_images) == 20
    assert not partial.exists()


def test_progress_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serve(SMALL.archive) as site:
        load_cifar10(tmp_path, SMALL.dataset(site.url))
    assert "100%" in capfd.readouterr().err


def test_the_download_is_announced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serve(SMALL.archive) as site, caplog.at_level(logging.INFO):
        load_cifar10(tmp_path, SMALL.dataset(site.url))
    assert f"downloading it from {site.url}" in caplog.text
