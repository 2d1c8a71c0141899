"""Times the closed form beside other ways to evaluate the same formulas.

    python benchmarks/kernels.py [--spectra N] [--sizes N N N] [--skip-slow]

Many small networks: the diffusion coefficients of all planes of spectra with four eigenvalues, by
``symdrift`` compiled and in NumPy alone, by a careful loop written by hand for Numba and its like
in NumPy, by what SymPy's ``lambdify`` makes of the derived terms, with and without common
subexpressions, compiled by Numba, and by JAX where it is installed; by the dense engine for a few.
One large network: all rates of distinct eigenvalues.  Everything in one process on one processor,
unless said otherwise; routes alternate, and the round of each with the least processor time counts,
of the large network that with the least time.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import resource
import time
from collections.abc import Callable
from typing import Any

import by_hand
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdrift.derivation.symbols import ETA, GAMMA
from symdrift.evaluation import dense
from symdrift.evaluation.closed_form import formulas, planes
from symdrift.inputs import Gaussian
from symdrift.study.problem import LearningProblem
from symdrift.theory.linear.aligned import renaming, representative_drift
from symdrift.theory.linear.points import Direction

Array = NDArray[np.float64]
Route = Callable[[Array], Array]

SIZE, DECAY, RATE = 4, 0.1, 0.01
ROUNDS = 5
FEW, FEWER = 20_000, 20
"""Spectra for routes that take long, and for the dense engine."""


def symdrift_route(compiled: bool) -> Route:
    """The package's own function, with its compiled loop or without."""

    def run(spectra: Array) -> Array:
        planes.WORTH_COMPILING = 0 if compiled else 2**62  # type: ignore[attr-defined]
        return formulas.diffusion_tensor(
            spectra, DECAY, RATE, inputs=SIZE, outputs=SIZE, hidden=SIZE
        )

    return run


def term_expressions() -> tuple[list[sp.Symbol], sp.Expr, sp.Expr]:
    """Symbols, and the terms ``l = i`` and any other ``l`` as functions of the eigenvalues."""
    drift = representative_drift()
    symbols = list(sp.symbols("lambda_i lambda_j lambda_l gamma", positive=True))
    *variances, gamma = symbols
    directions = {
        index: Direction(index, variance, sp.Integer(0), 1 - gamma / variance, gamma / variance)
        for index, variance in zip("ijl", variances, strict=True)
    }
    names = renaming(**directions) | {GAMMA: gamma, ETA: sp.Integer(1)}
    own, other = (term.exact.xreplace(names) for term in (drift.own_term, drift.other_term))
    return symbols, own, other


def lambdified(backend: str, cse: bool, wrap: Callable[[Any], Any] = lambda f: f) -> Route:
    """Sums over what SymPy makes of the terms."""
    symbols, own, other = term_expressions()
    own_term = wrap(sp.lambdify(symbols, own, backend, cse=cse))
    other_term = wrap(sp.lambdify(symbols, other, backend, cse=cse))

    def run(spectra: Array) -> Array:
        tensor = np.zeros((len(spectra), SIZE, SIZE))
        columns = np.ascontiguousarray(spectra.T)
        decay = np.full(len(spectra), DECAY)
        for i in range(SIZE):
            for j in range(i + 1, SIZE):
                a, b = columns[i], columns[j]
                # The own term does not know of l.
                area = own_term(a, b, a, decay) + own_term(b, a, a, decay)
                for l in set(range(SIZE)) - {i, j}:
                    area = area + other_term(a, b, columns[l], decay)
                length = 2 * (2 - DECAY / a - DECAY / b)
                tensor[:, i, j] = tensor[:, j, i] = RATE**3 * np.asarray(area) / (2 * length**2)
        return tensor

    return run


def numba_lambdified() -> Route:
    """The terms with common subexpressions, as loops of Numba."""
    numba: Any = importlib.import_module("numba")

    def wrap(function: Any) -> Any:
        inner = numba.njit(error_model="numpy")(function)

        @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
        def loop(a: Any, b: Any, c: Any, d: Any) -> Any:
            out = np.empty_like(a)
            for k in range(len(a)):
                out[k] = inner(a[k], b[k], c[k], d[k])
            return out

        return loop

    return lambdified("numpy", True, wrap)


def jax_lambdified() -> Route | None:
    """The terms compiled by JAX, where it is installed."""
    if importlib.util.find_spec("jax") is None:
        return None
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return lambdified("jax", True, jax.jit)


def dense_route(spectra: Array) -> Array:
    """Full matrix equations, one network after the other."""
    tensors = []
    for spectrum in spectra:
        problem = LearningProblem(
            study="benchmark", hidden=SIZE, inputs=Gaussian(np.diag(spectrum)),
            teacher=np.eye(SIZE), label_noise=np.zeros(SIZE), learning_rate=RATE,
            weight_decay=DECAY, batch=1, synaptic_noise=0.0, stimuli=(),
        )  # fmt: skip
        drift = dense.evaluate(problem).drift
        order = np.argsort(-spectrum, kind="stable")
        tensor = np.zeros((SIZE, SIZE))
        for (i, j), value in zip(drift.planes, drift.diffusion, strict=True):
            a, b = order[i - 1], order[j - 1]
            tensor[a, b] = tensor[b, a] = value
        tensors.append(tensor)
    return np.array(tensors)


def many_networks(count: int, skip_slow: bool) -> None:
    """Print microseconds per spectrum of every route."""
    spectra = np.random.default_rng(0).uniform(0.5, 3, (count, SIZE))
    routes: list[tuple[str, Route | None, int]] = [
        ("symdrift, compiled", symdrift_route(True), count),
        ("Numba, by hand", lambda given: by_hand.numba_loop(given, DECAY, RATE), count),
        ("symdrift, NumPy alone", symdrift_route(False), count),
        ("NumPy in chunks, by hand", lambda given: by_hand.numpy_chunks(given, DECAY, RATE), count),
        (
            "NumPy in place, by hand",
            lambda given: by_hand.numpy_in_place(given, DECAY, RATE),
            count,
        ),
        ("lambdify with cse, Numba", numba_lambdified(), count),
        ("lambdify with cse, JAX", jax_lambdified(), count),
        ("lambdify with cse", lambdified("numpy", True), FEW),
        ("dense engine", dense_route, FEWER),
    ]
    if not skip_slow:
        routes.insert(-1, ("lambdify", lambdified("numpy", False), FEWER))
    expected = symdrift_route(True)(spectra)
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, route, number in routes:
            if route is None:
                continue
            start = time.process_time()
            found = route(spectra[:number])
            best[name] = min(best.get(name, np.inf), (time.process_time() - start) / number)
            np.testing.assert_allclose(found, expected[:number], rtol=1e-8)
    print(f"\n{count} spectra of n = {SIZE}, all planes\n")
    print("| route | µs per spectrum | times the first |\n| --- | --- | --- |")
    first = best["symdrift, compiled"]
    for name, seconds in best.items():
        print(f"| {name} | {1e6 * seconds:.3g} | {seconds / first:.3g} |")


def one_large_network(sizes: list[int]) -> None:
    """Print seconds of all rates, and the exponent with which they grow."""
    planes.WORTH_COMPILING = 0  # type: ignore[attr-defined]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"\nAll rates of n distinct eigenvalues, {cores} processors\n")
    print("| n | s | ns per term |\n| --- | --- | --- |")
    taken = []
    for size in sizes:
        spectrum = np.linspace(0.5, 3, size)
        sizes_of = {"inputs": size, "outputs": size, "hidden": size}
        best = np.inf
        for _ in range(ROUNDS):
            start = time.perf_counter()
            formulas.decay_rate(np.ones(size), spectrum, DECAY, 1e-6, **sizes_of)
            best = min(best, time.perf_counter() - start)
        taken.append(best)
        print(f"| {size} | {best:.3g} | {2e9 * best / size**3:.3g} |")
    slope = np.polyfit(np.log(sizes), np.log(taken), 1)[0]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\ngrows as n^{slope:.2f}; largest memory of the process {memory:.0f} MiB")


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description="Time the closed form.")
    parser.add_argument("--spectra", type=int, default=1_000_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--skip-slow", action="store_true", help="without plain lambdify")
    given = parser.parse_args()
    # Before the other routes take memory.
    one_large_network(given.sizes)
    many_networks(given.spectra, given.skip_slow)


if __name__ == "__main__":
    main()
