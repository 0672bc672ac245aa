"""How a training is computed on this machine, for the provenance: what may change the last bits of a result."""

import os

import torch

from study.training import graphs
from study.training.kernels import build
from study.training.kernels.build import KernelsUnavailableError

ONEDNN_LIMIT = "ONEDNN_MAX_CPU_ISA"


def describe_computation(device: str = "cpu") -> dict[str, str]:
    """What the numbers of a training on this machine depend on besides its inputs.

    Nothing is compiled: the kernels are named by the library that a training would use, compiled before or not yet.

    Args:
        device: a torch device, where the training runs. A GPU's description asks for no compiler.

    Returns:
        torch: its version. backend: "kernels", or "PyTorch" with the reason where a CPU goes without kernels. On a CPU
        cpu_capability and onednn_max_cpu_isa, the instruction sets that PyTorch uses and that oneDNN may use, and with
        kernels kernels, their compiler, its options and a hash of all that the library is made from. On a GPU gpu,
        cuda, cudnn and cuda_graphs.
    """
    found = {"torch": str(torch.__version__)}
    if torch.device(device).type == "cuda":
        return found | {
            "backend": "PyTorch",
            "gpu": torch.cuda.get_device_name(device),
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),
            "cuda_graphs": "off" if graphs.switched_off() else "on",
        }
    # The two linear layers are PyTorch's in any case.
    found["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
    found["onednn_max_cpu_isa"] = os.environ.get(ONEDNN_LIMIT, "default")
    try:
        return found | {"backend": "kernels", "kernels": build.describe()}
    except KernelsUnavailableError as error:
        return found | {"backend": f"PyTorch ({error})"}
