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
    """Eager in two layouts, and one of them compiled; nothing without PyTorch."""
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
            first.mul_(KEEP).baddbmm_(back, x.mT)
            second.mul_(KEEP).baddbmm_(error, hidden.mT)

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

    def several(w: Any, u: Any, inputs: Any) -> tuple[Any, Any]:
        for k in range(COMPILED_STEPS):
            w, u = last(w, u, inputs[k])
        return w, u

    several_compiled = torch.compile(several, dynamic=False)

    def compiled(steps: int) -> None:
        w, u = compiled_layers
        for _ in range(-(-steps // COMPILED_STEPS)):
            inputs = torch.randn(COMPILED_STEPS, size, replicas, dtype=torch.float64)
            w, u = several_compiled(w, u, inputs)
        compiled_layers[:] = w, u

    start = [torch.from_numpy(layer) for layer in _start(size)]
    first, second = (layer.clone() for layer in start)
    layers = [layer.permute(1, 2, 0).contiguous() for layer in start]
    compiled_layers = [layer.clone() for layer in layers]
    routes = [
        Route("PyTorch, stacked matrices", replicas, stacked),
        Route("PyTorch, replicas last", replicas, replicas_last),
    ]
    if size <= 16:
        several_steps = Route("PyTorch, compiled", replicas, compiled, COMPILED_STEPS)
        return [*routes, several_steps]
    return routes


def jax_routes(size: int) -> list[Route]:
    """Compiled scans in two layouts; nothing without JAX."""
    if importlib.util.find_spec("jax") is None:
        return []
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    numpy = jax.numpy
    replicas = REPLICAS[size]
    gains = numpy.asarray(teacher(size))

    def stacked(layers: Any, key: Any) -> tuple[Any, None]:
        w, u = layers
        x = jax.random.normal(key, (replicas, size), numpy.float64)
        hidden = numpy.einsum("rij,rj->ri", w, x)
        error = RATE * (x @ gains.T - numpy.einsum("roi,ri->ro", u, hidden))
        back = numpy.einsum("roi,ro->ri", u, error)
        return (KEEP * w + back[:, :, None] * x[:, None], KEEP * u + error[:, :, None]
                * hidden[:, None]), None  # fmt: skip

    def replicas_last(layers: Any, key: Any) -> tuple[Any, None]:
        w, u = layers
        x = jax.random.normal(key, (size, replicas), numpy.float64)
        hidden = (w * x).sum(1)
        error = RATE * (gains @ x - (u * hidden).sum(1))
        back = (u * error[:, None]).sum(0)
        return (KEEP * w + back[:, None] * x, KEEP * u + error[:, None] * hidden), None

    def route(name: str, step: Any, start: tuple[Any, Any]) -> Route:
        steps_per_call = 256
        state = [start, jax.random.key(0)]

        def scan(layers: Any, key: Any) -> tuple[Any, Any]:
            key, fresh = jax.random.split(key)
            keys = jax.random.split(fresh, steps_per_call)
            return jax.lax.scan(step, layers, keys)[0], key

        compiled = jax.jit(scan)

        def run(steps: int) -> None:
            for _ in range(-(-steps // steps_per_call)):
                state[:] = compiled(*state)
            jax.block_until_ready(state)

        return Route(name, replicas, run, steps_per_call)

    first, second = (numpy.asarray(layer) for layer in _start(size))
    last = tuple(numpy.moveaxis(layer, 0, 2) for layer in (first, second))
    return [
        route("JAX, stacked matrices", stacked, (first, second)),
        route("JAX, replicas last", replicas_last, (last[0], last[1])),
    ]
