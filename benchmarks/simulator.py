"""Times the simulator beside NumPy and beside hand-written C, in the same run.

    python benchmarks/simulator.py

Online SGD, batch 1, an ensemble of independent networks with n = m = p, Gaussian inputs, dense
teacher, float64; one thread, and two for the simulator.  Bursts of all routes alternate and the
fastest burst of each counts, so that a busy machine delays but does not favour anyone.
Figures are million replica-steps per second.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from symdrift.inputs import Gaussian
from symdrift.problem import Array, LearningProblem
from symdrift.simulation.ensemble import Block, replicas_per_block
from symdrift.simulation.model import aligned, model_of
from symdrift.simulation.random import replica_streams

RATE, DECAY = 0.005, 0.2
LANES = 8
SIZES = (2, 4, 16, 64)
NUMPY_REPLICAS = {2: 1000, 4: 1000, 16: 256, 64: 32}


@dataclass(frozen=True)
class Route:
    """A way to simulate: ``run(steps)`` advances ``replicas`` networks."""

    name: str
    replicas: int
    run: Callable[[int], None]


def teacher(size: int) -> Array:
    """The identity, rotated a little: dense, and with a minimum of full rank."""
    generator = np.random.default_rng(0).normal(size=(size, size))
    rotation, _ = np.linalg.qr(np.eye(size) + 0.1 * (generator - generator.T) / np.sqrt(size))
    return np.asarray(rotation * np.sign(np.diagonal(rotation)))


def symdrift_route(size: int, threads: int) -> Route:
    problem = LearningProblem(
        study="benchmark",
        hidden=size,
        inputs=Gaussian(np.eye(size)),
        teacher=teacher(size),
        label_noise=np.zeros(size),
        learning_rate=RATE,
        weight_decay=DECAY,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(),
    )
    model = model_of(problem, size)
    count = replicas_per_block(model)
    start = (0.9 * teacher(size), 0.9 * np.eye(size))
    blocks = [Block(model, start, count * k, count, seed=0) for k in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def run(steps: int) -> None:
        list(pool.map(lambda block: block.advance(steps), blocks))

    plural = "" if threads == 1 else "s"
    return Route(f"symdrift, {threads} thread{plural}", threads * count, run)


def c_route(size: int) -> Route | None:
    """The yardstick in C; ``None`` without a compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        library = Path(directory) / "reference.so"
        source = Path(__file__).with_name("reference.c")
        flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=fast"]
        flags += ["-fno-math-errno", "-shared", "-fPIC", f"-DN={size}"]
        subprocess.run([compiler, *flags, "-o", library, source], check=True)
        function = ctypes.CDLL(str(library)).advance
    groups = max(1, 16384 // (8 * LANES * 2 * size**2))
    weights = aligned(
        np.repeat(
            np.concatenate([np.ravel(0.9 * teacher(size)), np.ravel(0.9 * np.eye(size))]),
            LANES,
        )[np.newaxis].repeat(groups, axis=0)
    )
    states = aligned(replica_streams(0, 0, groups * LANES))
    scales, gains = np.ones(size), np.ravel(teacher(size)).copy()

    def run(steps: int) -> None:
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (weights, states, scales, gains))
        numbers = (ctypes.c_double(RATE), ctypes.c_double(DECAY))
        function(*pointers, *numbers, ctypes.c_long(groups), ctypes.c_long(steps))

    return Route("C", groups * LANES, run)


def numpy_replicas_last(size: int) -> Route:
    """Weights ``(p, n, replicas)``, broadcast products and sums."""
    replicas = NUMPY_REPLICAS[size]
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
    replicas = NUMPY_REPLICAS[size]
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
    replicas = NUMPY_REPLICAS[size]
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


def routes_for(size: int) -> list[Route]:
    routes = [symdrift_route(size, 1), symdrift_route(size, 2), c_route(size)]
    routes += [numpy_replicas_last(size), numpy_matmul(size)]
    if size <= 4:
        routes.append(numpy_entries(size))
    return [route for route in routes if route is not None]


def measured(routes: list[Route], rounds: int, burst: float) -> dict[str, float]:
    """Million replica-steps per second of each route: its fastest burst."""
    steps = {}
    for route in routes:
        route.run(1)
        trial, taken = 1, 0.0
        while taken < burst / 4:
            trial *= 2
            begin = time.perf_counter()
            route.run(trial)
            taken = time.perf_counter() - begin
        steps[route.name] = max(1, int(trial * burst / taken))
    best = dict.fromkeys(steps, 0.0)
    for _ in range(rounds):
        for route in routes:
            begin = time.perf_counter()
            route.run(steps[route.name])
            taken = time.perf_counter() - begin
            speed = route.replicas * steps[route.name] / taken / 1e6
            best[route.name] = max(best[route.name], speed)
    return best


def in_own_process(size: int, rounds: int, burst: float) -> dict[str, float]:
    """Measure one size in a fresh interpreter whose linear algebra keeps to one thread."""
    command = [sys.executable, __file__, "--sizes", str(size), "--rounds", str(rounds)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [*command, "--burst", str(burst), "--json"],
        env={**os.environ, **one_thread},
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(process.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--burst", type=float, default=0.05, help="seconds per burst")
    parser.add_argument("--json", action="store_true", help="one size, in this process")
    arguments = parser.parse_args()
    if arguments.json:
        routes = routes_for(arguments.sizes[0])
        print(json.dumps(measured(routes, arguments.rounds, arguments.burst)))
        return
    results = {
        size: in_own_process(size, arguments.rounds, arguments.burst) for size in arguments.sizes
    }
    names = list(dict.fromkeys(name for result in results.values() for name in result))
    rows = [
        [name, *(f"{r[name]:.3g}" if name in r else "" for r in results.values())]
        for name in names
    ]
    ours = {n: result["symdrift, 1 thread"] for n, result in results.items()}
    peers = {n: max(v for k, v in r.items() if k.startswith("NumPy")) for n, r in results.items()}
    rows.append(["times the best NumPy", *(f"{ours[n] / peers[n]:.1f}" for n in results)])
    if all("C" in result for result in results.values()):
        rows.append(["times C", *(f"{ours[n] / results[n]['C']:.2f}" for n in results)])
    both = [f"{results[n]['symdrift, 2 threads'] / ours[n]:.2f}" for n in results]
    rows.append(["two threads over one", *both])
    print("| route | " + " | ".join(f"n = {n}" for n in results) + " |")
    print("| --- " * (len(results) + 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
