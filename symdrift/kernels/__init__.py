"""NumPy source generated from the derived expressions."""

from symdrift.kernels.aligned import aligned_kernels
from symdrift.kernels.writing import kernel_source, shipped_source

__all__ = ["aligned_kernels", "kernel_source", "shipped_source"]
