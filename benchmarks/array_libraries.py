"""The same task in PyTorch and JAX, several formulations each, where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from routes import DECAY, RATE, REPLICAS, Route, teacher

KEEP = 1 - RATE * DECAY
COMPILED_STEPS = 16
"""Steps that one call of a compiled PyTorch function makes."""


def _start(size: int) -> tuple[Any, Any]:
    """Both layers of all networks, shape ``(replicas, n, n)``."""
    replicas = REPLICAS[size]
    return (
        np.repeat((0.9 * teacher(size))[np.newaxis], replicas, axis=0),
        np.repeat((0.9 * np.eye(size))[np.newaxis], replicas, axis=0),
    )


def torch_routes(size: int) -> list[Route]:
    """Eager in two layouts, and compiled; nothing without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return []
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    replicas = REPLICAS[size]
    gains = torch.from_numpy(teacher(size))

    def stacked(steps: int) -> None:
        for x in torch.randn(steps, replicas, size, 1, dtype=torch.float64):
            hidden = first @ x
            error = RATE * (gains @ x - second @ hidden)
            back = second.mT @ error
            first.baddbmm_(back, x.mT, beta=KEEP)
            second.baddbmm_(error, hidden.mT, beta=KEEP)

    def last(w: Any, u: Any, x: Any) -> tuple[Any, Any]:
        hidden = (w * x).sum(1)
        error = RATE * (gains @ x - (u * hidden).sum(1))
        back = (u * error[:, None]).sum(0)
        return KEEP * w + back[:, None] * x, KEEP * u + error[:, None] * hidden

    def replicas_last(steps: int) -> None:
        w, u = layers
        for x in torch.randn(steps, size, replicas, dtype=torch.float64):
            w, u = last(w, u, x)
        layers[:] = w, u

    def products(w: Any, u: Any, x: Any) -> tuple[Any, Any]:
        hidden = (w * x[:, None]).sum(2)
        error = RATE * (x @ gains.T - (u * hidden[:, None]).sum(2))
        back = (u * error[:, :, None]).sum(1)
        return (
            KEEP * w + back[:, :, None] * x[:, None],
            KEEP * u + error[:, :, None] * hidden[:, None],
        )

    # Many entries in few networks are compiled best with the networks first, and conversely.
    networks_first = size > 16
    step, shape = (products, (replicas, size)) if networks_first else (last, (size, replicas))

    def several(w: Any, u: Any, inputs: Any) -> tuple[Any, Any]:
        for k in range(COMPILED_STEPS):
            w, u = step(w, u, inputs[k])
        return w, u

    several_compiled = torch.compile(several, dynamic=False)

    def compiled(steps: int) -> None:
        w, u = compiled_layers
        for _ in range(-(-steps // COMPILED_STEPS)):
            inputs = torch.randn(COMPILED_STEPS, *shape, dtype=torch.float64)
            w, u = several_compiled(w, u, inputs)
        compiled_layers[:] = w, u

    start = [torch.from_numpy(layer) for layer in _start(size)]
    first, second = (layer.clone() for layer in start)
    layers = [layer.permute(1, 2, 0).contiguous() for layer in start]
    compiled_layers = [layer.clone() for layer in (start if networks_first else layers)]
    return [
        Route("PyTorch, stacked matrices", replicas, stacked),
        Route("PyTorch, replicas last", replicas, replicas_last),
        Route("PyTorch, compiled", replicas, compiled, COMPILED_STEPS),
    ]


def jax_routes(size: int) -> list[Route]:
    """Compiled scans over inputs drawn ahead, in two layouts; nothing without JAX."""
    if importlib.util.find_spec("jax") is None:
        return []
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    numpy = jax.numpy
    replicas = REPLICAS[size]
    gains = numpy.asarray(teacher(size))

    def stacked(layers: Any, x: Any) -> tuple[Any, None]:
        w, u = layers
        hidden = numpy.einsum("rij,rj->ri", w, x)
        error = RATE * (x @ gains.T - numpy.einsum("roi,ri->ro", u, hidden))
        back = numpy.einsum("roi,ro->ri", u, error)
        return (KEEP * w + back[:, :, None] * x[:, None], KEEP * u + error[:, :, None]
                * hidden[:, None]), None  # fmt: skip

    def mapped(layers: Any, x: Any) -> tuple[Any, None]:
        def one(w: Any, u: Any, x: Any) -> tuple[Any, Any]:
            hidden = w @ x
            error = RATE * (gains @ x - u @ hidden)
            back = u.T @ error
            return KEEP * w + numpy.outer(back, x), KEEP * u + numpy.outer(error, hidden)

        return jax.vmap(one)(*layers, x), None

    def replicas_last(layers: Any, x: Any) -> tuple[Any, None]:
        w, u = layers
        hidden = (w * x).sum(1)
        error = RATE * (gains @ x - (u * hidden).sum(1))
        back = (u * error[:, None]).sum(0)
        return (KEEP * w + back[:, None] * x, KEEP * u + error[:, None] * hidden), None

    def route(name: str, step: Any, start: tuple[Any, Any], shape: tuple[int, int]) -> Route:
        steps_per_call = 256
        state = [jax.tree.map(numpy.array, start), jax.random.key(0)]

        def scan(layers: Any, key: Any) -> tuple[Any, Any]:
            key, fresh = jax.random.split(key)
            inputs = jax.random.normal(fresh, (steps_per_call, *shape), numpy.float64)
            return jax.lax.scan(step, layers, inputs)[0], key

        compiled = jax.jit(scan, donate_argnums=0)

        def run(steps: int) -> None:
            for _ in range(-(-steps // steps_per_call)):
                state[:] = compiled(*state)
            jax.block_until_ready(state)

        return Route(name, replicas, run, steps_per_call)

    first, second = (numpy.asarray(layer) for layer in _start(size))
    last = tuple(numpy.moveaxis(layer, 0, 2) for layer in (first, second))
    return [
        route("JAX, stacked matrices", stacked, (first, second), (replicas, size)),
        route("JAX, mapped networks", mapped, (first, second), (replicas, size)),
        route("JAX, replicas last", replicas_last, (last[0], last[1]), (size, replicas)),
    ]
