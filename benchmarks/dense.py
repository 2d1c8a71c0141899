"""Times the dense road at two sizes, each in a process of its own.

    python benchmarks/dense.py

The first has 24 inputs, outputs and hidden units, correlated Gaussian inputs and a teacher that
does not commute with them, and takes the covariance of rotations between all 276 planes.  The
second has 48 of each, 100 stimuli, and takes what stimuli need.  Wall time, processor time and
the largest resident memory of the process, start-up included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from symdrift.evaluation.evaluate import evaluate
from symdrift.inputs import Gaussian, InputDistribution, StimulusSet
from symdrift.study.problem import LearningProblem, Stimulus

CASES = {"tensor": (24, "under 60 s, 4 GB"), "stimuli": (48, "under 300 s, 8 GB")}


def problem(case: str) -> LearningProblem:
    """The problem of a case; the random numbers are the same on every run."""
    size, _ = CASES[case]
    generator = np.random.default_rng(0)
    inputs: InputDistribution
    if case == "tensor":
        mixing = generator.standard_normal((size, size))
        inputs = Gaussian(mixing @ mixing.T / size + 0.5 * np.eye(size))
    else:
        rows = generator.standard_normal((100, size)) * np.geomspace(2, 0.5, size)
        inputs = StimulusSet(rows, np.full(100, 0.01))
    return LearningProblem(
        study=case,
        hidden=size,
        inputs=inputs,
        teacher=2 * np.eye(size) + 0.2 * generator.standard_normal((size, size)),
        label_noise=np.zeros(size),
        learning_rate=1e-4,
        weight_decay=0.1,
        batch=1,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {k + 1}", axis) for k, axis in enumerate(np.eye(size))),
    )


def run(case: str) -> None:
    """Evaluate one case and print what it took."""
    start = time.perf_counter()
    evaluate(problem(case), "dense", quantities="all" if case == "tensor" else "stimuli")
    wall = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor = usage.ru_utime + usage.ru_stime
    size, allowed = CASES[case]
    print(
        f"{case}, n = m = p = {size}: {wall:.1f} s, {processor:.1f} s of processor, "
        f"{usage.ru_maxrss / 2**20:.2f} GiB ({allowed})"
    )


def main() -> None:
    """Run every case, or the one that is named."""
    parser = argparse.ArgumentParser(description="Time the dense road.")
    parser.add_argument("case", nargs="?", choices=CASES)
    chosen = parser.parse_args().case
    if chosen is not None:
        run(chosen)
        return
    for case in CASES:
        subprocess.run([sys.executable, __file__, case], check=True)


if __name__ == "__main__":
    main()
