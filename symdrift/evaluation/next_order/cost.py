"""What an expansion needs, foreseen: time on one processor and memory."""

from __future__ import annotations

from dataclasses import dataclass

from symdrift.errors import RequestError
from symdrift.memory import available_memory

LONGEST = 300.0
"""Seconds that the next order may take."""


@dataclass(frozen=True)
class Cost:
    """Measured on one core of a desktop computer; ``d`` normal directions, ``K`` points.

    Attributes
    ----------
    seconds : float
    memory : float
        Bytes.
    """

    seconds: float
    memory: float


def normal_directions(inputs: int, outputs: int, rank: int) -> int:
    """Weights of the active hidden units less the planes in which they turn."""
    return rank * (inputs + outputs) - rank * (rank - 1) // 2


def expansion_cost(inputs: int, outputs: int, rank: int, points: int) -> Cost:
    """Cost of one expansion.

    Parameters
    ----------
    inputs, outputs, rank : int
    points : int
        Over which moments are summed.
    """
    size = normal_directions(inputs, outputs, rank)
    planes = rank * (rank - 1) // 2
    return Cost(
        seconds=0.05 + 3e-6 * size**4 + 4e-10 * points * size**4,
        memory=240.0 * size**4 + 16.0 * points * max(planes, 1) * size**2,
    )


def require_affordable(
    cost: Cost, network: str, advice: str, longest: float = LONGEST
) -> None:
    """Refuse what would take too long or too much memory, before it is begun.

    Parameters
    ----------
    cost : Cost
    network : str
        What is too large.
    advice : str
        What is possible instead.
    longest : float
        Seconds that it may take.

    Raises
    ------
    RequestError
    """
    available = available_memory()
    if cost.seconds <= longest and cost.memory <= available:
        return
    raise RequestError(
        "order",
        f"= 2 for a network with {network} would take about {cost.seconds / 60:,.0f} minutes and "
        f"{cost.memory / 2**30:,.1f} GiB (allowed: {longest / 60:.2g} minutes, available: "
        f"{available / 2**30:.1f} GiB); {advice}",
    )
