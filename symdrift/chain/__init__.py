"""The chain from the per-sample loss to the results of one study, as a derivation."""

from symdrift.chain.composition import derive

__all__ = ["derive"]
