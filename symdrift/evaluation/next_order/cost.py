"""What an expansion needs, foreseen: time on one processor and memory."""

from __future__ import annotations

from dataclasses import dataclass

from symdrift.errors import RequestError
from symdrift.memory import available_memory, size_left, size_needed

LONGEST = 300.0
"""Seconds that the next order may take."""

AT_ONCE = 1.0
"""Seconds that it may take without being asked for."""

LEAST = 0.01
"""Seconds that the smallest expansion takes."""

QUICK = 10.0
"""Seconds that it may take beside work that takes some of its own."""

MOST_PAIRS = 2**12
"""Pairs of points up to which moments of their shares take less than the samples themselves."""


@dataclass(frozen=True)
class Cost:
    """Foreseen by counting, so that the same problem is allowed or refused on every machine.

    About one and a half times what is measured on one core, for ``d`` up to 60 normal directions
    and ``K`` points.

    Attributes
    ----------
    seconds : float
    memory : float
        Bytes.
    """

    seconds: float
    memory: float


class TooExpensive(RequestError):
    """An expansion that takes longer, or more memory, than it may.

    Parameters
    ----------
    field, sentence : str
    cost : Cost
        Foreseen.
    """

    def __init__(self, field: str, sentence: str, cost: Cost) -> None:
        super().__init__(field, sentence)
        self.cost = cost

    def __reduce__(self) -> tuple[type[TooExpensive], tuple[object, ...]]:
        return type(self), (self.field, self.problem, self.cost)


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
    # Moments of the shares of those points that stand for all, where they are fewer (`batches`).
    pairs = (inputs * (inputs + 1) // 2 + 1) ** 2
    by_moments = pairs < min(points, MOST_PAIRS)
    shared = 1.6e-11 * points * pairs**2 if by_moments else 0.0
    summed = pairs if by_moments else points
    return Cost(
        seconds=LEAST + (8e-8 + 1e-10 * summed) * size**4 + 1e-11 * size**6 + shared,
        memory=240.0 * size**4 + 16.0 * points * max(planes, 1) * size**2,
    )


def require_affordable(cost: Cost, network: str, advice: str, longest: float = LONGEST) -> None:
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
    TooExpensive
    """
    available = available_memory()
    if cost.seconds <= longest and cost.memory <= available:
        return
    raise TooExpensive(
        "order",
        f"= 2 for a network with {network} would take about {duration(cost.seconds)} and "
        f"{size_needed(cost.memory)} (allowed: {duration(longest)}, available: "
        f"{size_left(available)}); {advice}",
        cost,
    )


LONGEST_SAID = 3.2e9
"""Seconds, a century, beyond which nobody asks how many."""


def duration(seconds: float) -> str:
    """A time with two digits, in the largest unit of which it is one or more, up to a century."""
    seconds = min(seconds, LONGEST_SAID)
    for unit, length in (("years", 3.2e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):,.12g} {unit}"
    return f"{seconds:.2g} seconds"


def expected_duration(seconds: float) -> str:
    """What a stage of long work says of its time; nothing where it is short."""
    return f", up to about {duration(seconds)}" if seconds > QUICK else ""
