"""Kernels of this project's own for the network on a CPU: C++, built on first use, with PyTorch as reference."""
