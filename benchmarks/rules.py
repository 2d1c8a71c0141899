"""Times the traced step of learning rules beside careful NumPy, PyTorch and JAX, in the same run.

    python benchmarks/rules.py          # PyTorch and JAX where they are installed

1000 independent networks with four inputs and two hidden units, batch 1, Gaussian inputs, float64,
all routes on one thread of one processor.  Short bursts of all alternate in many rounds, and the
fastest of each counts.  Figures are million replica-steps per second; the table is Markdown.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

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
Update = Callable[[Any, Any, Any], Any]
"""A step that changes nothing in place: of a stacking function, weights, inputs; replicas last."""
COMPILED_STEPS = {"jax": 256, "torch": 16}
"""Steps that one call of a compiled function makes."""


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


def oja_update(stack: Any, weights: Any, x: Any) -> Any:
    (w,) = weights
    y = (w * x).sum(1)
    return (w + RATE * y[:, None] * (x - (w * y[:, None]).sum(0)),)


def tied_update(stack: Any, weights: Any, x: Any) -> Any:
    (w,) = weights
    y = (w * x).sum(1)
    error = x - (w * y[:, None]).sum(0)
    z = (w * error).sum(1)
    return ((1 - RATE * DECAY) * w + RATE * (y[:, None] * error + z[:, None] * x),)


def matching_update(stack: Any, weights: Any, x: Any) -> Any:
    w, m = weights
    h = (w * x).sum(1)
    scale = 1 / (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0])
    y = stack([m[1, 1] * h[0] - m[0, 1] * h[1], m[0, 0] * h[1] - m[1, 0] * h[0]]) * scale
    return (
        (1 - RATE) * w + RATE * y[:, None] * x,
        (1 - RATE / TAU) * m + RATE / TAU * y[:, None] * y,
    )


RULES: dict[str, tuple[Rule, Step, Step, Update]] = {
    "Oja": (Oja(), oja_last, oja_stacked, oja_update),
    "tied autoencoder": (TiedAutoencoder(DECAY), tied_last, tied_stacked, tied_update),
    "similarity matching": (
        SimilarityMatching(TAU), matching_last, matching_stacked, matching_update,
    ),
}  # fmt: skip


def jax_route(update: Update, start: tuple[Array, ...]) -> Callable[[int], None]:
    """A compiled scan over inputs drawn ahead."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    roots, count = jax.numpy.asarray(ROOTS[:, np.newaxis]), COMPILED_STEPS["jax"]

    def step(weights: Any, x: Any) -> tuple[Any, None]:
        return update(jax.numpy.stack, weights, roots * x), None

    def scan(weights: Any, key: Any) -> tuple[Any, Any]:
        key, fresh = jax.random.split(key)
        inputs = jax.random.normal(fresh, (count, 4, REPLICAS), jax.numpy.float64)
        return jax.lax.scan(step, weights, inputs)[0], key

    compiled = jax.jit(scan, donate_argnums=0)
    weights = tuple(jax.numpy.repeat(matrix[..., None], REPLICAS, axis=2) for matrix in start)
    state = [weights, jax.random.key(0)]

    def run(steps: int) -> None:
        for _ in range(-(-steps // count)):
            state[:] = compiled(*state)
        jax.block_until_ready(state)

    return run


def torch_route(update: Update, start: tuple[Array, ...]) -> Callable[[int], None]:
    """Several steps compiled into one function."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    roots, count = torch.from_numpy(ROOTS[:, np.newaxis]), COMPILED_STEPS["torch"]

    def several(weights: Any, inputs: Any) -> Any:
        for k in range(count):
            weights = update(torch.stack, weights, roots * inputs[k])
        return weights

    compiled = torch.compile(several, dynamic=False)
    state = [tuple(torch.from_numpy(np.repeat(m[..., None], REPLICAS, axis=2)) for m in start)]

    def run(steps: int) -> None:
        for _ in range(-(-steps // count)):
            state[0] = compiled(state[0], torch.randn(count, 4, REPLICAS, dtype=torch.float64))

    return run


LIBRARIES = {
    "jax": ("JAX, compiled", jax_route), "torch": ("PyTorch, compiled", torch_route),
}  # fmt: skip


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


def fastest(routes: dict[str, tuple[Callable[[int], None], int]]) -> dict[str, float]:
    """Million replica-steps per second of each, of routes with the steps of one of their calls."""
    steps, best = dict.fromkeys(routes, 1), dict.fromkeys(routes, 0.0)
    for name, (run, call) in routes.items():
        run(call)
        begin = time.perf_counter()
        run(2 * call)
        burst = 2 * BURST / (time.perf_counter() - begin)
        steps[name] = call * max(1, round(burst))
    for _ in range(ROUNDS):
        for name, (run, _) in routes.items():
            begin = time.perf_counter()
            run(steps[name])
            speed = steps[name] * REPLICAS / (time.perf_counter() - begin) / 1e6
            best[name] = max(best[name], speed)
    return best


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows: dict[str, list[str]] = {}
    for rule, last, stacked, update in RULES.values():
        start = rule.fixed_points(np.diag(VARIANCES), {"hidden": 2})[0]
        assert start is not None
        routes = {
            "symdrift, 1 thread": (traced_route(rule, start), 20),
            "NumPy, replicas last": (array_route(last, start, True), 20),
            "NumPy, stacked matrices": (array_route(stacked, start, False), 20),
        } | {
            name: (route(update, start), COMPILED_STEPS[library])
            for library, (name, route) in LIBRARIES.items()
            if importlib.util.find_spec(library)
        }
        speeds = fastest(routes)
        ours, *others = speeds.values()
        for name, speed in (*speeds.items(), ("times the best of the others", ours / max(others))):
            rows.setdefault(name, []).append(f"{speed:.3g}")
    print("| route |", " | ".join(RULES), "|\n|", " | ".join(["---"] * (1 + len(RULES))), "|")
    for name, cells in rows.items():
        print("|", " | ".join([name, *cells]), "|")


if __name__ == "__main__":
    main()
