import torch

from study.training.describe import describe_computation
from study.training.kernels import build
from tests.study.training.kernels.helpers import needs_compiler


def forget() -> None:
    build._library.cache_clear()


@needs_compiler
def test_kernels_are_described_without_being_compiled(monkeypatch, tmp_path):
    forget()
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = describe_computation()
    assert found["torch"] == torch.__version__
    assert found["backend"] == "kernels"
    assert "-O3" in found["kernels"]
    assert not list(tmp_path.rglob("*.so"))


@needs_compiler
def test_another_processor_is_another_hash(monkeypatch):
    forget()
    before = describe_computation()["kernels"]
    monkeypatch.setattr(build, "processor", lambda: "another")
    assert describe_computation()["kernels"].split("; ")[:-1] == before.split("; ")[:-1]
    assert describe_computation()["kernels"] != before


def test_without_kernels_the_reason_and_the_instruction_sets_are_described(monkeypatch):
    monkeypatch.setenv(build.SWITCH, "off")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = describe_computation()
    assert found["backend"] == f"PyTorch ({build.SWITCH} is set to off)"
    assert found["onednn_max_cpu_isa"] == "AVX2"
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert "kernels" not in found


def test_a_gpu_asks_for_no_compiler(monkeypatch):
    def asked() -> str:
        raise AssertionError("asked for the kernels")

    monkeypatch.setattr(build, "describe", asked)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    found = describe_computation("cuda:0")
    assert (found["backend"], found["gpu"], found["cuda_graphs"]) == ("PyTorch", "a GPU", "on")
