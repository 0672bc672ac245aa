import pytest
import ray

from study.cluster.joining import ClusterError, connect


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no Ray cluster could be joined"),
        ("127.0.0.1:99999", "no Ray cluster could be joined"),
        ("nowhere", "should be auto or HOST:PORT"),
        ("ray://127.0.0.1:10001", "should be auto or HOST:PORT"),
    ],
)
def test_no_cluster_at_the_address(address, words):
    with pytest.raises(ClusterError, match=f"--address {address}: {words}"):
        connect(address)
    assert not ray.is_initialized()


def test_a_temporary_folder_too_long_for_sockets_is_named_with_its_variable(tmp_path, monkeypatch):
    long = tmp_path / ("a" * 90)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(ClusterError, match=r"below RAY_TMPDIR .*set RAY_TMPDIR to a short folder"):
        connect(None)
    assert not ray.is_initialized()
