"""``symdrift simulate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from symdrift.cli.options import (
    DaskOption,
    ReplicasOption,
    SeedOption,
    SetOption,
    StepsOption,
    StudyArgument,
    ThreadsOption,
)
from symdrift.cli.requests import chosen_study, dask_executor
from symdrift.cli.terminal import announce, progress_shown
from symdrift.errors import RequestError
from symdrift.files import require_file


def simulate(
    study: StudyArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.npz", help="File for the trajectories.")
    ],
    steps: StepsOption = None,
    replicas: ReplicasOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    dask: DaskOption = None,
    assignments: SetOption = None,
) -> None:
    """Run online SGD and store the trajectories."""
    if out.suffix != ".npz":
        raise RequestError("--out", f'= "{out}" must end in .npz')
    require_file(out, "--out")
    problem = chosen_study(study, assignments).problem()
    from symdrift.simulation import simulate as run_simulation

    with dask_executor(dask) as executor, progress_shown("simulating") as progress:
        trajectory = run_simulation(
            problem,
            steps=steps,
            replicas=replicas,
            seed=seed,
            threads=threads,
            progress=progress,
            executor=executor,
        )
    trajectory.save(out)
    announce([out])
    if trajectory.interrupted:
        print(f"it ends after {trajectory.steps[-1]:.0f} steps", file=sys.stderr)
        raise KeyboardInterrupt
