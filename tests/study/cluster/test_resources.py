import pytest

from study.cluster.resources import concurrent_packs, pack_resources, shortage
from study.space import Resources

LAPTOP = [{"CPU": 2.0}]
CLUSTER = [{"CPU": 0.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 4.0}]


@pytest.mark.parametrize(
    ("asked", "nodes", "gpus"),
    [("auto", LAPTOP, 0), ("auto", CLUSTER, 1), (0, CLUSTER, 0), (0.5, CLUSTER, 0.5), (1, CLUSTER, 1)],
)
def test_gpus_of_a_pack(asked, nodes, gpus):
    assert pack_resources(Resources(cpus=1, gpus=asked), nodes) == {"CPU": 1.0, "GPU": gpus}


@pytest.mark.parametrize(
    ("cpus", "gpus", "nodes", "packs"),
    [
        (1, 0, LAPTOP, 2),
        (2, 0, LAPTOP, 1),
        (1, 1, CLUSTER, 5),
        (1, 0.5, CLUSTER, 10),
        (4, 0.5, CLUSTER, 4),
        (0.1, 0, [{"CPU": 1.0}], 10),
        (1, 0.1, [{"CPU": 16.0, "GPU": 1.0}], 10),
    ],
)
def test_how_many_packs_run_at_once(cpus, gpus, nodes, packs):
    assert concurrent_packs({"CPU": cpus, "GPU": gpus}, nodes) == packs


@pytest.mark.parametrize(("cpus", "gpus"), [(3, 0), (1, 1)])
def test_a_pack_that_fits_nowhere_is_told_so(cpus, gpus):
    problem = shortage({"CPU": cpus, "GPU": gpus}, LAPTOP)
    assert problem is not None
    assert "at most 2 CPUs and 0 GPUs" in problem
    assert "resources.cpus" in problem


def test_what_fits_only_in_two_machines_together_fits_nowhere():
    assert shortage({"CPU": 8, "GPU": 1}, [{"CPU": 8.0}, {"CPU": 1.0, "GPU": 4.0}])
