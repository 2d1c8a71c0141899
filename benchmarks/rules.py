"""Times the traced step of learning rules beside careful NumPy, in the same run.

    python benchmarks/rules.py

1000 independent networks with four inputs and two hidden units, batch 1, Gaussian inputs, float64,
all routes on one thread of one processor.  Short bursts of all alternate in many rounds, and the
fastest of each counts.  Figures are million replica-steps per second; the table is Markdown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from symdrift.inputs import Gaussian
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Array, Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.simulation.rule_ensemble import BLOCK_REPLICAS, RuleNetworks, rule_model
from symdrift.study.learner import Learner

REPLICAS, RATE, DECAY, TAU, ROUNDS, BURST = 1000, 0.005, 0.2, 0.5, 60, 0.02
VARIANCES = np.array([2.0, 1.5, 0.7, 0.5])
ROOTS = np.sqrt(VARIANCES)

Step = Callable[[Array, list[Array]], None]


def oja_last(x: Array, weights: list[Array]) -> None:
    """Replicas last: every operation goes along them."""
    (w,) = weights
    y = np.einsum("ijr,jr->ir", w, x)
    back = np.einsum("ir,ijr->jr", y, w)
    np.subtract(x, back, out=back)
    y *= RATE
    w += y[:, np.newaxis] * back


def oja_stacked(x: Array, weights: list[Array]) -> None:
    """Replicas first: stacked products of matrices."""
    (w,) = weights
    y = w @ x
    w += RATE * (y @ (x - w.swapaxes(1, 2) @ y).swapaxes(1, 2))


def tied_last(x: Array, weights: list[Array]) -> None:
    (w,) = weights
    y = np.einsum("ijr,jr->ir", w, x)
    error = x - np.einsum("ir,ijr->jr", y, w)
    z = np.einsum("ijr,jr->ir", w, error)
    w *= 1 - RATE * DECAY
    error *= RATE
    z *= RATE
    w += y[:, np.newaxis] * error
    w += z[:, np.newaxis] * x


def tied_stacked(x: Array, weights: list[Array]) -> None:
    (w,) = weights
    y = w @ x
    error = x - w.swapaxes(1, 2) @ y
    change = y @ error.swapaxes(1, 2) + (w @ error) @ x.swapaxes(1, 2)
    w *= 1 - RATE * DECAY
    w += RATE * change


def matching_last(x: Array, weights: list[Array]) -> None:
    w, m = weights
    h = np.einsum("ijr,jr->ir", w, x)
    scale = 1 / (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0])
    y = np.stack([m[1, 1] * h[0] - m[0, 1] * h[1], m[0, 0] * h[1] - m[1, 0] * h[0]]) * scale
    w *= 1 - RATE
    m *= 1 - RATE / TAU
    w += (RATE * y)[:, np.newaxis] * x
    m += (RATE / TAU * y)[:, np.newaxis] * y


def matching_stacked(x: Array, weights: list[Array]) -> None:
    w, m = weights
    y = np.linalg.solve(m, w @ x)
    w *= 1 - RATE
    m *= 1 - RATE / TAU
    w += RATE * (y @ x.swapaxes(1, 2))
    m += RATE / TAU * (y @ y.swapaxes(1, 2))


RULES: dict[str, tuple[Rule, Step, Step]] = {
    "Oja": (Oja(), oja_last, oja_stacked),
    "tied autoencoder": (TiedAutoencoder(DECAY), tied_last, tied_stacked),
    "similarity matching": (SimilarityMatching(TAU), matching_last, matching_stacked),
}


def array_route(step: Step, start: tuple[Array, ...], last: bool) -> Callable[[int], None]:
    """NumPy with the replicas last or first."""
    random = np.random.default_rng(0)
    if last:
        weights = [np.repeat(matrix[..., np.newaxis], REPLICAS, axis=2) for matrix in start]
        shape, roots = (4, REPLICAS), ROOTS[:, np.newaxis]
    else:
        weights = [np.repeat(matrix[np.newaxis], REPLICAS, axis=0) for matrix in start]
        shape, roots = (REPLICAS, 4, 1), ROOTS[:, np.newaxis]  # type: ignore[assignment]

    def run(steps: int) -> None:
        for x in random.standard_normal((steps, *shape)):
            x *= roots
            step(x, weights)

    return run


def traced_route(rule: Rule, start: tuple[Array, ...]) -> Callable[[int], None]:
    """Blocks of the size that a simulation has."""
    learner = Learner(rule, {"hidden": 2}, Gaussian(np.diag(VARIANCES)), np.zeros(0), RATE)
    model = rule_model(learner, start)
    firsts = range(0, REPLICAS, BLOCK_REPLICAS)
    blocks = [
        RuleNetworks(model, first, min(BLOCK_REPLICAS, REPLICAS - first), 0) for first in firsts
    ]

    def run(steps: int) -> None:
        for block in blocks:
            block.advance(steps)

    return run


def fastest(routes: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Million replica-steps per second of each."""
    steps, best = dict.fromkeys(routes, 1), dict.fromkeys(routes, 0.0)
    for name, run in routes.items():
        run(10)
        begin = time.perf_counter()
        run(20)
        steps[name] = max(1, round(20 * BURST / (time.perf_counter() - begin)))
    for _ in range(ROUNDS):
        for name, run in routes.items():
            begin = time.perf_counter()
            run(steps[name])
            speed = steps[name] * REPLICAS / (time.perf_counter() - begin) / 1e6
            best[name] = max(best[name], speed)
    return best


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows: dict[str, list[str]] = {}
    for rule, last, stacked in RULES.values():
        start = rule.fixed_point(np.diag(VARIANCES), {"hidden": 2})
        assert start is not None
        speeds = fastest({
            "symdrift, 1 thread": traced_route(rule, start),
            "NumPy, replicas last": array_route(last, start, True),
            "NumPy, stacked matrices": array_route(stacked, start, False),
        })  # fmt: skip
        ours, *others = speeds.values()
        for name, speed in (*speeds.items(), ("times the best of NumPy", ours / max(others))):
            rows.setdefault(name, []).append(f"{speed:.3g}")
    print("| route |", " | ".join(RULES), "|\n|", " | ".join(["---"] * (1 + len(RULES))), "|")
    for name, cells in rows.items():
        print("|", " | ".join([name, *cells]), "|")


if __name__ == "__main__":
    main()
