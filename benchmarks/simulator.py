"""Times the simulator beside NumPy, PyTorch, JAX and hand-written C, in the same run.

    python benchmarks/simulator.py

Online SGD, batch 1, an ensemble of independent networks with n = m = p, Gaussian inputs, dense
teacher, float64; one thread, and two for the simulator and for C.  PyTorch and JAX are timed where
they are installed, C where there is a compiler.  Short bursts of all routes alternate in many
rounds and the fastest burst of each counts, so that a busy machine delays but does not favour
anyone.  What runs on one thread is kept to one processor: JAX would take another.  Two threads are
timed by the fastest of longer runs, which alternate with those of one: in a short burst the second
thread's waking up would count.  The same ratio for C, whose threads share nothing, says what the
machine gives.  Figures are million replica-steps per second; the table is Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from array_libraries import jax_routes, torch_routes
from routes import DECAY, RATE, Route, numpy_routes, teacher

from symdrift.inputs import Gaussian
from symdrift.simulation.ensemble import Block, replicas_per_block
from symdrift.simulation.random import replica_streams
from symdrift.simulation.setup import model_of, on_own_pages
from symdrift.study.problem import LearningProblem

LANES = 8
SIZES = (2, 4, 16, 64)
PEERS = ("NumPy", "PyTorch", "JAX")
PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


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
    return Route(f"symdrift, {threads} thread{plural}", threads * count, run, threads=threads)


def c_route(size: int, threads: int) -> Route | None:
    """The yardstick in C, a block of replicas per thread; ``None`` without a compiler."""
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
    start = np.concatenate([np.ravel(0.9 * teacher(size)), np.ravel(0.9 * np.eye(size))])
    memory = np.repeat(start, LANES)[np.newaxis].repeat(groups, axis=0)
    blocks = [
        (
            on_own_pages(memory),
            on_own_pages(replica_streams(0, groups * LANES * k, groups * LANES)),
            np.ones(size),
            np.ravel(teacher(size)).copy(),
        )
        for k in range(threads)
    ]
    pool = ThreadPoolExecutor(threads)

    def run(steps: int) -> None:
        numbers = (ctypes.c_double(RATE), ctypes.c_double(DECAY))
        counts = (ctypes.c_long(groups), ctypes.c_long(steps))
        list(
            pool.map(
                lambda block: function(
                    *(ctypes.c_void_p(array.ctypes.data) for array in block), *numbers, *counts
                ),
                blocks,
            )
        )

    plural = "" if threads == 1 else "s"
    return Route(f"C, {threads} thread{plural}", threads * groups * LANES, run, threads=threads)


def threaded_routes(size: int) -> list[Route]:
    """The simulator and C, on one thread and on two."""
    routes = [symdrift_route(size, 1), symdrift_route(size, 2), c_route(size, 1), c_route(size, 2)]
    return [route for route in routes if route is not None]


def library_routes(size: int) -> list[Route]:
    return [*numpy_routes(size), *torch_routes(size), *jax_routes(size)]


def _keep_to(processors: int) -> None:
    """Let all threads of this process share so many processors, where the system can do that.

    Libraries have threads of their own, and not all can be told to use a single one.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), PROCESSORS[:processors])


def _seconds(route: Route, steps: int) -> float:
    _keep_to(route.threads)
    begin = time.perf_counter()
    route.run(steps)
    return time.perf_counter() - begin


def measured(routes: list[Route], rounds: int, burst: float) -> dict[str, float]:
    """Million replica-steps per second of each route: its fastest burst."""
    steps = {}
    for route in routes:
        route.run(1)
        trial, taken = route.stride, 0.0
        while taken < burst / 4:
            trial *= 2
            # The fastest of three: one that was interrupted would make the bursts too short.
            taken = min(_seconds(route, trial) for _ in range(3))
        strides = max(1, int(trial * burst / taken / route.stride))
        steps[route.name] = strides * route.stride
    best = dict.fromkeys(steps, 0.0)
    for _ in range(rounds):
        for route in routes:
            taken = _seconds(route, steps[route.name])
            speed = route.replicas * steps[route.name] / taken / 1e6
            best[route.name] = max(best[route.name], speed)
    return best


def in_own_process(size: int, arguments: argparse.Namespace) -> list[dict[str, float]]:
    """Measure one size in a fresh interpreter whose linear algebra keeps to one thread.

    Speeds of all routes in bursts, and of those with threads in long runs.
    """
    command = [sys.executable, __file__, "--json", "--sizes", str(size)]
    for option in ("rounds", "burst", "long_rounds", "long_run"):
        command += [f"--{option.replace('_', '-')}", str(getattr(arguments, option))]
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = subprocess.run(
        command,
        env={**os.environ, **one_thread},
        check=True,
        capture_output=True,
        text=True,
    )
    return list(json.loads(process.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--burst", type=float, default=0.01, help="seconds per burst")
    parser.add_argument("--long-rounds", type=int, default=60)
    parser.add_argument("--long-run", type=float, default=0.1, help="seconds per long run")
    parser.add_argument("--json", action="store_true", help="one size, in this process")
    arguments = parser.parse_args()
    if arguments.json:
        threaded = threaded_routes(arguments.sizes[0])
        single = [route for route in threaded if route.threads == 1]
        routes = [*single, *library_routes(arguments.sizes[0])]
        bursts = measured(routes, arguments.rounds, arguments.burst)
        print(json.dumps([bursts, measured(threaded, arguments.long_rounds, arguments.long_run)]))
        return
    both = {size: in_own_process(size, arguments) for size in arguments.sizes}
    long_runs = {size: long_run for size, (_, long_run) in both.items()}
    results = {
        size: {**bursts, **{name: v for name, v in long_runs[size].items() if "2 threads" in name}}
        for size, (bursts, _) in both.items()
    }
    names = list(dict.fromkeys(name for result in results.values() for name in result))
    rows = [
        [name, *(f"{r[name]:.3g}" if name in r else "" for r in results.values())] for name in names
    ]
    ours = {n: result["symdrift, 1 thread"] for n, result in results.items()}
    peers = {n: max(v for k, v in r.items() if k.startswith(PEERS)) for n, r in results.items()}
    rows.append(["times the best array library", *(f"{ours[n] / peers[n]:.1f}" for n in results)])
    if all("C, 1 thread" in result for result in results.values()):
        rows.append(["times C", *(f"{ours[n] / results[n]['C, 1 thread']:.2f}" for n in results)])
    for name in ("symdrift", "C"):
        gains = [
            run[f"{name}, 2 threads"] / run[f"{name}, 1 thread"]
            for run in long_runs.values()
            if f"{name}, 1 thread" in run
        ]
        if gains:
            rows.append([f"two threads over one, {name}", *(f"{gain:.2f}" for gain in gains)])
    print("| route | " + " | ".join(f"n = {n}" for n in results) + " |")
    print("| --- " * (len(results) + 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
