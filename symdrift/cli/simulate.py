"""``symdrift simulate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    PATH,
    dask_option,
    minimum_option,
    replicas_option,
    seed_option,
    set_option,
    steps_option,
    study_argument,
    threads_option,
)
from symdrift.cli.requests import chosen_study, dask_executor
from symdrift.cli.terminal import announce, progress_shown, say_warnings
from symdrift.errors import RequestError

if TYPE_CHECKING:
    from symdrift.simulation import Trajectory
    from symdrift.simulation.rule_trajectory import RuleTrajectory
    from symdrift.study import Study


@click.command(
    epilog="Example: symdrift simulate bottleneck --steps 100000 --replicas 64 --out bottleneck.npz"
)
@study_argument
@click.option(
    "--out", type=PATH, required=True, metavar="FILE.npz", help="File for the trajectories."
)
@steps_option
@replicas_option
@seed_option
@threads_option
@dask_option
@set_option
@minimum_option
def simulate(
    study: str,
    out: Path,
    steps: int | None,
    replicas: int | None,
    seed: int,
    threads: int | None,
    dask: str | None,
    assignments: Sequence[str],
    minimum: int | None,
) -> None:
    """Run online SGD, or another learning rule, and store the trajectories."""
    if out.suffix != ".npz":
        raise RequestError("--out", f'= "{out}" must end in .npz')
    from symdrift.files import require_file

    require_file(out, "--out")
    chosen = chosen_study(study, assignments, minimum)
    with dask_executor(dask) as executor, progress_shown("simulating") as progress:
        simulated, warnings = _simulated(chosen)
        trajectory = simulated(
            steps=steps,
            replicas=replicas,
            seed=seed,
            threads=threads,
            progress=progress,
            executor=executor,
        )
    # Not before: what is refused is refused in one sentence.
    say_warnings(warnings)
    trajectory.save(out)
    announce([out])
    if trajectory.interrupted:
        print(f"it ends after {trajectory.steps[-1]:.0f} steps", file=sys.stderr)
        raise KeyboardInterrupt


def _simulated(
    study: Study,
) -> tuple[Callable[..., Trajectory | RuleTrajectory], tuple[str, ...]]:
    """The simulation of a study with every number filled in, and warnings of it."""
    if not study.is_plain:
        from symdrift.evaluation.any_rule import orbit_warnings
        from symdrift.simulation.rule_trajectory import simulate_rule

        learner = study.learner()
        return partial(simulate_rule, learner), orbit_warnings(learner)
    problem = study.problem()
    from symdrift.evaluation.dense.matrix_road import minimum_warnings
    from symdrift.evaluation.evaluate import validity
    from symdrift.evaluation.validity import running_away

    warnings = (*minimum_warnings(problem), *running_away(validity(problem)))
    from symdrift.simulation import simulate as run_simulation

    return partial(run_simulation, problem), warnings
