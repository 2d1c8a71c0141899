"""Times the traced step of learning rules beside careful NumPy, PyTorch and JAX, in the same run.

    python benchmarks/rules.py          # PyTorch and JAX where they are installed

1000 independent networks with four inputs and two units in each hidden layer (four in that of
serial whitening), batch 1, Gaussian inputs, float64, all routes on one thread of one processor.
What the array libraries do is held to the rule first.  Short bursts of all alternate in many
rounds, and the fastest of each counts.  Figures are million replica-steps per second of processor
time, which others that use the machine distort less than time by the clock; the table is Markdown.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.inputs import Gaussian
from symdrift.rules.deep_linear import DeepLinear
from symdrift.rules.heavy_ball import HeavyBall
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.noisy_synapses import SynapticNoise
from symdrift.rules.oja import Oja
from symdrift.rules.own_rule import OwnRule, RuleText
from symdrift.rules.rule import Array, Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.simulation.rule_ensemble import BLOCK_REPLICAS, RuleNetworks, rule_model
from symdrift.study.learner import Learner

REPLICAS, RATE, ROUNDS, BURST = 1000, 0.005, 60, 0.02
DECAY, TAU, MOMENTUM, DEVIATION = 0.2, 0.5, 0.75, 1e-4
INPUTS, HIDDEN = 4, 2
VARIANCES = np.array([2.0, 1.5, 0.7, 0.5])

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


def noisy_last(x: Array, weights: list[Array]) -> None:
    """As Oja's rule; what is drawn behind the inputs is noise on the weights."""
    oja_last(x[:INPUTS], weights)
    weights[0] += x[INPUTS:].reshape(HIDDEN, INPUTS, REPLICAS)


def noisy_stacked(x: Array, weights: list[Array]) -> None:
    oja_stacked(x[:, :INPUTS], weights)
    weights[0] += x[:, INPUTS:].reshape(REPLICAS, HIDDEN, INPUTS)


def layers_last(x: Array, weights: list[Array]) -> None:
    first, second, third = weights
    h = np.einsum("ijr,jr->ir", first, x)
    g = np.einsum("ijr,jr->ir", second, h)
    error = x - np.einsum("ijr,jr->ir", third, g)
    error *= RATE
    z = np.einsum("ir,ijr->jr", error, third)
    back = np.einsum("ir,ijr->jr", z, second)
    for matrix in weights:
        matrix *= 1 - RATE * DECAY
    first += back[:, np.newaxis] * x
    second += z[:, np.newaxis] * h
    third += error[:, np.newaxis] * g


def layers_stacked(x: Array, weights: list[Array]) -> None:
    first, second, third = weights
    h = first @ x
    g = second @ h
    error = RATE * (x - third @ g)
    z = third.swapaxes(1, 2) @ error
    back = second.swapaxes(1, 2) @ z
    for matrix in weights:
        matrix *= 1 - RATE * DECAY
    first += back @ x.swapaxes(1, 2)
    second += z @ h.swapaxes(1, 2)
    third += error @ g.swapaxes(1, 2)


def moving_last(x: Array, weights: list[Array]) -> None:
    """Velocities are those of one step."""
    first, second, first_velocity, second_velocity = weights
    h = np.einsum("ijr,jr->ir", first, x)
    error = x - np.einsum("ijr,jr->ir", second, h)
    error *= RATE
    z = np.einsum("ir,ijr->jr", error, second)
    first_velocity *= MOMENTUM
    first_velocity -= (RATE * DECAY) * first
    first_velocity += z[:, np.newaxis] * x
    second_velocity *= MOMENTUM
    second_velocity -= (RATE * DECAY) * second
    second_velocity += error[:, np.newaxis] * h
    first += first_velocity
    second += second_velocity


def moving_stacked(x: Array, weights: list[Array]) -> None:
    first, second, first_velocity, second_velocity = weights
    h = first @ x
    error = RATE * (x - second @ h)
    z = second.swapaxes(1, 2) @ error
    first_velocity *= MOMENTUM
    first_velocity += z @ x.swapaxes(1, 2) - (RATE * DECAY) * first
    second_velocity *= MOMENTUM
    second_velocity += error @ h.swapaxes(1, 2) - (RATE * DECAY) * second
    first += first_velocity
    second += second_velocity


def white_last(x: Array, weights: list[Array]) -> None:
    (w,) = weights
    y = np.einsum("ijr,jr->ir", w, x)
    back = np.einsum("ir,ijr->jr", y, w)
    y *= RATE
    w *= 1 + RATE
    w -= y[:, np.newaxis] * back


def white_stacked(x: Array, weights: list[Array]) -> None:
    (w,) = weights
    y = w @ x
    back = y.swapaxes(1, 2) @ w
    w *= 1 + RATE
    w -= (RATE * y) @ back


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


def noisy_update(stack: Any, weights: Any, x: Any) -> Any:
    (w,) = oja_update(stack, weights, x[:INPUTS])
    return (w + x[INPUTS:].reshape(HIDDEN, INPUTS, REPLICAS),)


def layers_update(stack: Any, weights: Any, x: Any) -> Any:
    first, second, third = weights
    h = (first * x).sum(1)
    g = (second * h).sum(1)
    error = RATE * (x - (third * g).sum(1))
    z = (third * error[:, None]).sum(0)
    back = (second * z[:, None]).sum(0)
    return (
        (1 - RATE * DECAY) * first + back[:, None] * x,
        (1 - RATE * DECAY) * second + z[:, None] * h,
        (1 - RATE * DECAY) * third + error[:, None] * g,
    )


def moving_update(stack: Any, weights: Any, x: Any) -> Any:
    first, second, first_velocity, second_velocity = weights
    h = (first * x).sum(1)
    error = RATE * (x - (second * h).sum(1))
    z = (second * error[:, None]).sum(0)
    first_velocity = MOMENTUM * first_velocity - RATE * DECAY * first + z[:, None] * x
    second_velocity = MOMENTUM * second_velocity - RATE * DECAY * second + error[:, None] * h
    return first + first_velocity, second + second_velocity, first_velocity, second_velocity


def white_update(stack: Any, weights: Any, x: Any) -> Any:
    (w,) = weights
    y = (w * x).sum(1)
    return ((1 + RATE) * w - RATE * y[:, None] * (w * y[:, None]).sum(0),)


@dataclass(frozen=True)
class Contest:
    """A rule, and its step in other words.

    Attributes
    ----------
    rule : Rule
    last, stacked : callable
        In NumPy, in place: replicas last, for whole arrays, and first, for stacked products.
    update : callable
        In PyTorch and JAX.
    hidden : int
        Units of each hidden layer.
    outputs : int
    shaken : int
        Weights that have noise of their own.
    """

    rule: Rule
    last: Step
    stacked: Step
    update: Update
    hidden: int = HIDDEN
    outputs: int = 0
    shaken: int = 0

    @property
    def learner(self) -> Learner:
        hidden = dict.fromkeys(self.rule.hidden_axes, self.hidden)
        inputs = Gaussian(np.diag(VARIANCES))
        return Learner(self.rule, hidden, inputs, np.zeros(self.outputs), RATE)

    @property
    def roots(self) -> Array:
        """Standard deviations of all that is drawn in a step, shape ``(drawn, 1)``."""
        return np.append(np.sqrt(VARIANCES), np.full(self.shaken, DEVIATION))[:, np.newaxis]

    def ends(self) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Weights where learning ends, and the same with velocities where there are any."""
        point = evaluate_any_rule(self.learner).minimum.orbit.point
        resting = len(self.rule.weights) - len(point)
        return point, point + tuple(map(np.zeros_like, point[:resting]))

    def require_same_step(self, resting: tuple[Array, ...]) -> None:
        """Hold all forms of the step to the rule itself, near where learning ends."""
        random, count = np.random.default_rng(0), REPLICAS
        x = self.roots * random.standard_normal((len(self.roots), count))
        near = [
            m[..., np.newaxis] + 0.1 * random.standard_normal((*m.shape, count)) for m in resting
        ]
        last, stacked = [m.copy() for m in near], [np.moveaxis(m, 2, 0).copy() for m in near]
        self.last(x.copy(), last)
        self.stacked(x.T[..., np.newaxis].copy(), stacked)
        forms = [self.update(np.stack, near, x), last, [np.moveaxis(m, 0, 2) for m in stacked]]
        # The velocity of these forms is that of one step.
        units = [RATE if name.endswith("_velocity") else 1.0 for name in self.rule.weights]
        for r in range(3):
            weights = tuple(m[..., r] / unit for m, unit in zip(near, units, strict=True))
            changes = self.rule.update(weights, x[:INPUTS, r : r + 1], np.zeros((self.outputs, 1)))
            for k, (weight, change) in enumerate(zip(weights, changes, strict=True)):
                after = units[k] * (weight + RATE * change)
                if self.shaken:
                    after = after + x[INPUTS:, r].reshape(after.shape)
                for form in forms:
                    np.testing.assert_allclose(form[k][..., r], after, rtol=0, atol=1e-13)


TEACHER = np.eye(INPUTS)
WHITENING = RuleText(
    weights={"W": ("hidden", "inputs")},
    define={"y": "W @ x"},
    update={"W": "W - y @ y.T @ W"},
    activity={"hidden": "y"},
)
RULES = {
    "Oja": Contest(Oja(), oja_last, oja_stacked, oja_update),
    "Oja, synaptic noise": Contest(
        SynapticNoise(Oja(), DEVIATION**2), noisy_last, noisy_stacked, noisy_update,
        shaken=HIDDEN * INPUTS,
    ),
    "tied autoencoder": Contest(TiedAutoencoder(DECAY), tied_last, tied_stacked, tied_update),
    "similarity matching": Contest(
        SimilarityMatching(TAU), matching_last, matching_stacked, matching_update,
    ),
    "three layers": Contest(
        DeepLinear(TEACHER, DECAY, 3), layers_last, layers_stacked, layers_update, outputs=INPUTS,
    ),
    "two layers, momentum": Contest(
        HeavyBall(TwoLayerLinear(TEACHER, DECAY), MOMENTUM, RATE),
        moving_last, moving_stacked, moving_update, outputs=INPUTS,
    ),
    "serial whitening": Contest(
        OwnRule(WHITENING), white_last, white_stacked, white_update, hidden=INPUTS,
    ),
}  # fmt: skip


def jax_route(contest: Contest, start: tuple[Array, ...]) -> Callable[[int], None]:
    """A compiled scan over inputs drawn ahead."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    roots, count = jax.numpy.asarray(contest.roots), COMPILED_STEPS["jax"]

    def step(weights: Any, x: Any) -> tuple[Any, None]:
        return contest.update(jax.numpy.stack, weights, roots * x), None

    def scan(weights: Any, key: Any) -> tuple[Any, Any]:
        key, fresh = jax.random.split(key)
        inputs = jax.random.normal(fresh, (count, len(roots), REPLICAS), jax.numpy.float64)
        return jax.lax.scan(step, weights, inputs)[0], key

    compiled = jax.jit(scan, donate_argnums=0)
    weights = tuple(jax.numpy.repeat(matrix[..., None], REPLICAS, axis=2) for matrix in start)
    state = [weights, jax.random.key(0)]

    def run(steps: int) -> None:
        for _ in range(-(-steps // count)):
            state[:] = compiled(*state)
        jax.block_until_ready(state)

    return run


def torch_route(contest: Contest, start: tuple[Array, ...]) -> Callable[[int], None]:
    """Several steps compiled into one function."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    roots, count = torch.from_numpy(contest.roots), COMPILED_STEPS["torch"]

    def several(weights: Any, inputs: Any) -> Any:
        for k in range(count):
            weights = contest.update(torch.stack, weights, roots * inputs[k])
        return weights

    compiled = torch.compile(several, dynamic=False)
    state = [tuple(torch.from_numpy(np.repeat(m[..., None], REPLICAS, axis=2)) for m in start)]

    def run(steps: int) -> None:
        for _ in range(-(-steps // count)):
            inputs = torch.randn(count, len(roots), REPLICAS, dtype=torch.float64)
            state[0] = compiled(state[0], inputs)

    return run


LIBRARIES = {
    "jax": ("JAX, compiled", jax_route), "torch": ("PyTorch, compiled", torch_route),
}  # fmt: skip


def array_route(contest: Contest, start: tuple[Array, ...], last: bool) -> Callable[[int], None]:
    """NumPy with the replicas last or first."""
    random, roots = np.random.default_rng(0), contest.roots
    step = contest.last if last else contest.stacked
    if last:
        weights = [np.repeat(matrix[..., np.newaxis], REPLICAS, axis=2) for matrix in start]
        shape: tuple[int, ...] = (len(roots), REPLICAS)
    else:
        weights = [np.repeat(matrix[np.newaxis], REPLICAS, axis=0) for matrix in start]
        shape = (REPLICAS, len(roots), 1)

    def run(steps: int) -> None:
        for x in random.standard_normal((steps, *shape)):
            x *= roots
            step(x, weights)

    return run


def traced_route(contest: Contest, start: tuple[Array, ...]) -> Callable[[int], None]:
    """Blocks of the size that a simulation has."""
    model = rule_model(contest.learner, start)
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
        begin = time.process_time()
        run(2 * call)
        burst = 2 * BURST / (time.process_time() - begin)
        steps[name] = call * max(1, round(burst))
    for _ in range(ROUNDS):
        for name, (run, _) in routes.items():
            begin = time.process_time()
            run(steps[name])
            speed = steps[name] * REPLICAS / (time.process_time() - begin) / 1e6
            best[name] = max(best[name], speed)
    return best


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows: dict[str, list[str]] = {}
    for contest in RULES.values():
        start, resting = contest.ends()
        contest.require_same_step(resting)
        routes = {
            "symdrift, 1 thread": (traced_route(contest, start), 20),
            "NumPy, replicas last": (array_route(contest, resting, True), 20),
            "NumPy, stacked matrices": (array_route(contest, resting, False), 20),
        } | {
            name: (route(contest, resting), COMPILED_STEPS[library])
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
