"""What is timed: the task, and its formulations in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RATE, DECAY = 0.005, 0.2
REPLICAS = {2: 1000, 4: 1000, 16: 256, 64: 32}
"""Networks of the ensemble, by size."""


@dataclass(frozen=True)
class Route:
    """A way to simulate: ``run(steps)`` advances ``replicas`` networks on ``threads`` processors.

    Steps are made in whole multiples of ``stride``.
    """

    name: str
    replicas: int
    run: Callable[[int], None]
    stride: int = 1
    threads: int = 1


def teacher(size: int) -> Array:
    """The identity, rotated a little: dense, and with a minimum of full rank."""
    generator = np.random.default_rng(0).normal(size=(size, size))
    rotation, _ = np.linalg.qr(np.eye(size) + 0.1 * (generator - generator.T) / np.sqrt(size))
    return np.asarray(rotation * np.sign(np.diagonal(rotation)))


def numpy_routes(size: int) -> list[Route]:
    """Every formulation; written out entry by entry for small networks only."""
    routes = [numpy_replicas_last(size), numpy_matmul(size)]
    return [*routes, numpy_entries(size)] if size <= 4 else routes


def numpy_replicas_last(size: int) -> Route:
    """Weights ``(p, n, replicas)``, broadcast products and sums."""
    replicas = REPLICAS[size]
    rng = np.random.default_rng(0)
    gains = teacher(size)
    first = np.repeat((0.9 * gains)[..., np.newaxis], replicas, axis=2)
    second = np.repeat((0.9 * np.eye(size))[..., np.newaxis], replicas, axis=2)

    def run(steps: int) -> None:
        for x in rng.standard_normal((steps, size, replicas)):
            hidden = np.einsum("ijr,jr->ir", first, x)
            error = RATE * (gains @ x - np.einsum("oir,ir->or", second, hidden))
            back = np.einsum("oir,or->ir", second, error)
            np.multiply(first, 1 - RATE * DECAY, out=first)
            np.multiply(second, 1 - RATE * DECAY, out=second)
            first.__iadd__(back[:, np.newaxis] * x)
            second.__iadd__(error[:, np.newaxis] * hidden)

    return Route("NumPy, replicas last", replicas, run)


def numpy_matmul(size: int) -> Route:
    """Weights ``(replicas, p, n)``, stacked matrix products."""
    replicas = REPLICAS[size]
    rng = np.random.default_rng(0)
    gains = teacher(size)
    first = np.repeat((0.9 * gains)[np.newaxis], replicas, axis=0)
    second = np.repeat((0.9 * np.eye(size))[np.newaxis], replicas, axis=0)

    def run(steps: int) -> None:
        for x in rng.standard_normal((steps, replicas, size, 1)):
            hidden = first @ x
            error = RATE * (gains @ x - second @ hidden)
            back = second.swapaxes(1, 2) @ error
            np.multiply(first, 1 - RATE * DECAY, out=first)
            np.multiply(second, 1 - RATE * DECAY, out=second)
            first.__iadd__(back * x.swapaxes(1, 2))
            second.__iadd__(error * hidden.swapaxes(1, 2))

    return Route("NumPy, stacked matrices", replicas, run)


def numpy_entries(size: int) -> Route:
    """One array over replicas per weight, every product written out."""
    replicas = REPLICAS[size]
    rng = np.random.default_rng(0)
    gains = teacher(size)
    first = [[np.full(replicas, 0.9 * gains[i, j]) for j in range(size)] for i in range(size)]
    second = [[np.full(replicas, 0.9 * (o == i)) for i in range(size)] for o in range(size)]
    spare = np.empty(replicas)

    def combined(rows: list[Array], factors: list[Array]) -> Array:
        total = rows[0] * factors[0]
        for row, factor in zip(rows[1:], factors[1:], strict=True):
            np.multiply(row, factor, out=spare)
            total += spare
        return total

    def run(steps: int) -> None:
        keep = 1 - RATE * DECAY
        for x in rng.standard_normal((steps, size, replicas)):
            inputs = list(x)
            hidden = [combined(row, inputs) for row in first]
            wanted = gains @ x
            error = [RATE * (wanted[o] - combined(second[o], hidden)) for o in range(size)]
            back = [combined([row[i] for row in second], error) for i in range(size)]
            for matrix, left, right in ((first, back, inputs), (second, error, hidden)):
                for row, factor in zip(matrix, left, strict=True):
                    for entry, other in zip(row, right, strict=True):
                        entry *= keep
                        np.multiply(factor, other, out=spare)
                        entry += spare

    return Route("NumPy, entry by entry", replicas, run)
