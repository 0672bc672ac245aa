"""The numbers a trial computes with: float32, or by choice TF32 or bfloat16; float64 to check the others by."""

import contextlib

import torch


def set_precision(precision: str, device: torch.device) -> None:
    """Set PyTorch's process-wide switches so that ``precision`` means what it says.

    cuDNN's TF32 is on by default and cuBLAS' is off, so a plain PyTorch program on a GPU is already a mixture;
    here float32 is float32 unless the study asks otherwise. Deterministic cuDNN algorithms make the same seed
    give the same curve.

    Args:
        precision: float32, float64, tf32 (NVIDIA GPUs only) or bf16 (autocast; parameters and updates stay float32).
        device: where the trial runs.

    Raises:
        ValueError: tf32 on a device that has none.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("precision tf32 exists on NVIDIA GPUs only; on a CPU choose float32 or bf16")
    if device.type == "cuda":
        _allow_tf32(precision == "tf32")
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def _allow_tf32(allowed: bool) -> None:
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        mode = "tf32" if allowed else "ieee"
        torch.backends.cudnn.conv.fp32_precision = mode  # pyright: ignore[reportAttributeAccessIssue]
        torch.backends.cuda.matmul.fp32_precision = mode
    else:  # before these names came
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cuda.matmul.allow_tf32 = allowed


def dtype_of(precision: str) -> torch.dtype:
    """The type of images, parameters and updates."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context in which forward passes run: bfloat16 autocast for bf16, nothing otherwise."""
    if precision == "bf16":
        # Each weight is used once a pass, and a CUDA graph must not hold casts made before it: nothing to keep.
        return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)
    return contextlib.nullcontext()
