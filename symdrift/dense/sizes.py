"""What the dense road needs in memory, asked before it is allocated."""

from __future__ import annotations

from symdrift.errors import RequestError

MEMORY_LIMIT = 4 * 2**30
"""Largest working memory in bytes that the dense road asks for."""


def require_memory(inputs: int, outputs: int, rank: int) -> None:
    """Refuse a problem whose matrices do not fit.

    With ``K = r (n + m)`` weights of active hidden units, ``k = r (n + m - r)`` directions
    that noise reaches and ``r (r - 1) / 2`` planes, the road holds about eight ``K x K``
    matrices and then one ``k x k`` matrix per plane.

    Raises
    ------
    RequestError
        When that exceeds `MEMORY_LIMIT`.
    """
    weights = rank * (inputs + outputs)
    reached = rank * (inputs + outputs - rank)
    planes = rank * (rank - 1) // 2
    needed = 8 * (8 * weights**2 + (planes + 6) * reached**2)
    if needed > MEMORY_LIMIT:
        raise RequestError(
            "network",
            f"with {inputs} inputs, {outputs} outputs and {rank} active hidden units is too large "
            f"for the dense road, which would need about {needed / 2**30:.1f} GiB "
            f"(allowed: {MEMORY_LIMIT / 2**30:.0f} GiB); fewer hidden units or planes fit",
        )
