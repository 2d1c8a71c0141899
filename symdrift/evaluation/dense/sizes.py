"""What the dense road needs in memory, asked before it is allocated."""

from __future__ import annotations

from symdrift import memory
from symdrift.progress import log_stage

SLOW = 3000
"""Directions from which the stages of full matrices take so long that each is named."""

BLOCK = 2**28
"""Numbers in the largest array of responses that is held at a time."""

MOMENTS = 2**22
"""Numbers in the second moments of rows that are averaged over inputs at a time."""

NUMBER = 8
"""Bytes of a number."""


def reached_dimension(inputs: int, outputs: int, rank: int) -> int:
    """Directions that gradient noise reaches, ``k = r (n + m - r)``."""
    return rank * (inputs + outputs - rank)


def log_slow_stage(directions: int, stage: str) -> None:
    """Name a stage in so many directions, where it takes a while."""
    if directions > SLOW:
        log_stage(stage)


def minimum_memory(inputs: int, outputs: int, rank: int) -> int:
    """Bytes of the Newton steps and the spectrum: by measurement 24 ``k x k`` matrices."""
    return NUMBER * 26 * reached_dimension(inputs, outputs, rank) ** 2


def stimulus_memory(inputs: int, outputs: int, rank: int) -> int:
    """Bytes of noise, fluctuation and responses, as far as stimuli need them."""
    reached = reached_dimension(inputs, outputs, rank)
    planes = rank * (rank - 1) // 2
    matrices = 10 * reached**2 + 2 * rank * (inputs + outputs) * reached
    responses = min(planes * reached**2, BLOCK) + 3 * rank * reached**2
    return NUMBER * (matrices + min(responses, 2 * BLOCK))


def tensor_memory(inputs: int, outputs: int, rank: int, planes: int) -> int:
    """Bytes of the same with the covariance of rotations between all planes, and its record.

    Parameters
    ----------
    planes : int
        Those of two active axes and, with synaptic noise, of an active and a silent one.
    """
    active = rank * (rank - 1) // 2
    computed = stimulus_memory(inputs, outputs, rank) + NUMBER * (4 * active**2 + 2 * planes**2)
    return max(computed, memory.record_memory(planes))


def validity_memory(inputs: int, outputs: int, rank: int, units: int) -> int:
    """Bytes of the map of second moments, applied to those of all weights of some hidden units."""
    weights = units * (inputs + outputs)
    normal = weights - rank * (rank - 1) // 2
    rows = (2 * units + rank) * inputs
    unlearned = rank * (outputs - min(rank, outputs))
    products = (rank * inputs) ** 2 + 3 * unlearned * rows if unlearned else 0
    parts = 5 * min(rows**2, MOMENTS) + rows * weights
    return NUMBER * (3 * weights**2 + 8 * normal**2 + products + parts)


def require_minimum_memory(inputs: int, outputs: int, rank: int) -> None:
    """Refuse a problem whose minimum cannot be computed.

    Raises
    ------
    RequestError
        When it needs more than `available_memory`.
    """
    _require(minimum_memory(inputs, outputs, rank), inputs, outputs, rank, "fewer of them fit")


def require_stimulus_memory(inputs: int, outputs: int, rank: int) -> None:
    """Refuse a problem whose stimulus quantities do not fit.

    Raises
    ------
    RequestError
        When they need more than `available_memory`.
    """
    _require(stimulus_memory(inputs, outputs, rank), inputs, outputs, rank, "fewer of them fit")


def require_validity_memory(inputs: int, outputs: int, rank: int, units: int) -> None:
    """Refuse a problem whose critical rate cannot be computed.

    Parameters
    ----------
    units : int
        Hidden units that are followed: those of the rank, and a silent one where it fluctuates.

    Raises
    ------
    RequestError
        When it needs more than `available_memory`.
    """
    needed = validity_memory(inputs, outputs, rank, units)
    _require(needed, inputs, outputs, rank, "fewer of them fit")


def require_tensor_memory(inputs: int, outputs: int, rank: int, planes: int) -> None:
    """Refuse a problem whose covariance of rotations does not fit.

    Raises
    ------
    RequestError
        When it needs more than `available_memory`; the sentence says whether stimulus
        quantities alone would fit.
    """
    fits = stimulus_memory(inputs, outputs, rank) <= memory.available_memory()
    advice = "stimulus quantities alone fit: --quantities stimuli" if fits else "fewer of them fit"
    _require(tensor_memory(inputs, outputs, rank, planes), inputs, outputs, rank, advice)


def _require(needed: int, inputs: int, outputs: int, rank: int, advice: str) -> None:
    problem = (
        f"with {inputs} inputs, {outputs} outputs and {rank} active hidden units is too large for "
        "the dense road, which would need"
    )
    memory.require_memory("network", needed, problem, advice)
