import pytest
import ray

from study.cluster.joining import ClusterError, connected


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
    with pytest.raises(ClusterError, match=f"--address {address}: {words}"), connected(address, str):
        pass
    assert not ray.is_initialized()
