"""NumPy source generated from the derived expressions."""

from symdrift.kernels.standalone import kernel_source, shipped_source, study_source, write_kernels

__all__ = ["kernel_source", "shipped_source", "study_source", "write_kernels"]
