"""The command line.  Commands only translate: arguments in, library call, output.

Heavy modules are imported inside the commands, so that help comes at once and no
numerical command loads SymPy.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdrift.errors import CheckFailed, RequestError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.console import Console

    from symdrift.extrapolation import Extrapolation
    from symdrift.study import Study
    from symdrift.sweeps import SweepPoint
    from symdrift.validation import Validation

_WIDE = 160
"""Columns of a table that goes to a file or a pipe."""
_COLUMN = 13
"""Typical columns that one number of a table takes."""

app = typer.Typer(
    name="symdrift",
    help="Derive, evaluate and check how the hidden representations of a trained two-layer "
    "linear network drift under SGD noise.",
    epilog="Example: symdrift evaluate anisotropic_autoencoder",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A TOML file, or the name of a shipped study.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field (learning.rate, inputs.covariance.0) or a symbol of the study; "
        "repeatable.",
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(metavar="N", help="SGD steps of each replica; default: from theory.")
]
ReplicasOption = Annotated[
    int | None, typer.Option(metavar="R", help="Independent networks; default: from theory.")
]
SeedOption = Annotated[
    int, typer.Option(metavar="S", min=0, help="Seed of the random numbers, 0 or more.")
]
ThreadsOption = Annotated[
    int | None, typer.Option(metavar="T", help="Threads; default: all processors.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Directory to write to; default: generated/STUDY."),
]


def _version(wanted: bool) -> None:
    if wanted:
        from symdrift import __version__

        typer.echo(f"symdrift {__version__}")
        raise typer.Exit


@app.callback()
def _symdrift(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options that stand before a command."""


@app.command("list", epilog="Example: symdrift list")
def list_studies() -> None:
    """List the shipped studies, one line each."""
    from symdrift.study import read_study, shipped_studies

    shipped = shipped_studies()
    width = max(map(len, shipped), default=0)
    for name in shipped:
        typer.echo(f"{name:<{width}}  {read_study(name).title}")


@app.command(epilog="Example: symdrift derive anisotropic_autoencoder --format tex,html")
def derive(
    study: StudyArgument,
    out: OutOption = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help="Any of tex,html,pdf.")
    ] = "tex,html,pdf",
    assignments: SetOption = None,
) -> None:
    """Derive a study, check every step, write it down.

    Writes the document of the derivation and the kernels that evaluate its results.
    """
    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    chosen = _study(study, assignments)
    from symdrift.documents import write_derivation

    _announce(write_derivation(chosen, _directory(out, chosen), wanted))


@app.command(
    epilog="Example: symdrift evaluate anisotropic_autoencoder --set gamma=0.2 "
    "--sweep lambda_3=0.4:0.9:6 --csv"
)
def evaluate(
    study: StudyArgument,
    assignments: SetOption = None,
    sweeps: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="PATH=LO:HI:NUM[:log]",
            help="Evaluate at NUM values between LO and HI; repeatable: all combinations.",
        ),
    ] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a column per parameter and quantity.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a picture (.png, .svg or .pdf)."),
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="auto|closed-form|dense", help="Road to the numbers.")
    ] = "auto",
    approximation: Annotated[
        str,
        typer.Option(
            metavar="exact|white", help="white: noise and fluctuation taken as uncorrelated."
        ),
    ] = "exact",
) -> None:
    """Print the numbers of a study.

    Minimum, fluctuation around it, drift by plane of the hidden layer and by stimulus.
    JSON has the full covariance of rotations, CSV and table its diagonal.
    """
    if as_json and as_csv:
        raise RequestError("--json", "and --csv exclude each other; give one of them")
    if plot is not None:
        from symdrift.plots import check_suffix

        check_suffix(plot)
    from symdrift.sweeps import parse_axis, sweep

    axes = [parse_axis(text) for text in sweeps or ()]
    chosen = _study(study, assignments)
    with _progress("evaluating") as progress:
        points = sweep(chosen, axes, method, approximation, progress)
    if plot is not None:
        from symdrift.plots import plot as draw

        draw(points, axes, plot)
    if as_json:
        records = [point.to_dict() for point in points]
        typer.echo(json.dumps(records if axes else records[0], indent=2, allow_nan=False))
    elif as_csv:
        from symdrift.tables import write_csv

        write_csv(points, sys.stdout)
    else:
        _print_points(points)
    _warn(points)


@app.command(
    epilog="Example: symdrift simulate bottleneck --steps 100000 --replicas 64 --out bottleneck.npz"
)
def simulate(
    study: StudyArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.npz", help="File for the trajectories.")
    ],
    steps: StepsOption = None,
    replicas: ReplicasOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    assignments: SetOption = None,
) -> None:
    """Run online SGD and store the trajectories."""
    if out.suffix != ".npz":
        raise RequestError("--out", f'= "{out}" must end in .npz')
    problem = _study(study, assignments).problem()
    from symdrift.simulation import simulate as run_simulation

    with _progress("simulating") as progress:
        trajectory = run_simulation(
            problem,
            steps=steps,
            replicas=replicas,
            seed=seed,
            threads=threads,
            progress=progress,
        )
    trajectory.save(out)
    _announce([out])
    if trajectory.interrupted:
        print(f"it ends after {trajectory.steps[-1]:.0f} steps", file=sys.stderr)
        raise KeyboardInterrupt


@app.command(epilog="Example: symdrift validate anisotropic_autoencoder --precision 0.02 --json")
def validate(
    study: StudyArgument,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="SGD steps of each replica, at the study's learning rate alone; default: several "
            "rates, extrapolated to zero.",
        ),
    ] = None,
    replicas: ReplicasOption = None,
    seed: SeedOption = 0,
    precision: Annotated[
        float | None,
        typer.Option(metavar="P", help="Standard error of the ratios; default: 0.01."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time to spend at most, as 60s or 2m; default: 60s."),
    ] = None,
    threads: ThreadsOption = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on the Dask cluster with this scheduler."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a picture (.png, .svg or .pdf)."),
    ] = None,
    as_json: JsonOption = False,
    assignments: SetOption = None,
) -> None:
    """Set theory beside simulation.

    Ratios with standard errors, at the study's learning rate and extrapolated to rate zero;
    the exit code is 1 when they miss 1.
    """
    if steps is not None:
        for option, value in (("precision", precision), ("budget", budget), ("plot", plot)):
            if value is not None:
                raise RequestError(f"--{option}", "and --steps exclude each other")
    if plot is not None:
        from symdrift.plots import check_suffix

        check_suffix(plot)
    if threads is not None and threads < 1:
        raise RequestError("threads", f"= {threads} must be at least 1")
    seconds = None if budget is None else _seconds(budget)
    problem = _study(study, assignments).problem()
    from symdrift.extrapolation import validate_limit
    from symdrift.planning import PRECISION
    from symdrift.validation import validate as run_validation

    result: Validation | Extrapolation
    with _dask_executor(dask) as executor, _progress("simulating") as progress:
        if steps is not None:
            result = run_validation(
                problem, steps, replicas, seed, progress, threads=threads, executor=executor
            )
        else:
            result = limit = validate_limit(
                problem,
                replicas,
                seed,
                progress,
                precision=PRECISION if precision is None else precision,
                budget=seconds,
                threads=threads,
                executor=executor,
            )
    if plot is not None:
        from symdrift.validation_report import plot_extrapolation

        plot_extrapolation(limit, plot)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    else:
        _print_validation(result)
    if result.interrupted:
        print(f"this is what {result.completed:.0%} of the run measured", file=sys.stderr)
        raise KeyboardInterrupt
    if not result.passed:
        raise CheckFailed(f"theory and simulation of {problem.study} disagree")


@app.command(epilog="Example: symdrift report anisotropic_autoencoder")
def report(study: StudyArgument, out: OutOption = None, assignments: SetOption = None) -> None:
    """Write everything about a study in one document.

    Derivation, numbers, validation by simulation, and figures.
    """
    chosen = _study(study, assignments)
    from symdrift.documents import write_report

    with _progress("reporting") as progress:
        written = write_report(chosen, _directory(out, chosen), progress)
    _announce(written)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``symdrift`` on the command line; nothing stands for ``--help``.

    Returns
    -------
    int
        Exit code: 0 done, 1 a check or validation failed, 2 the request was wrong,
        130 interrupted.
    """
    try:
        code = app(list(arguments) or ["--help"], prog_name="symdrift", standalone_mode=False)
        sys.stdout.flush()
    except RequestError as error:
        return _refuse(str(error), 2)
    except CheckFailed as error:
        return _refuse(str(error), 1)
    except typer.TyperException as error:
        return _refuse(error.format_message(), 2)
    except BrokenPipeError:
        # Whoever reads has seen enough; without this Python complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if code == 130:
        return _refuse("interrupted before it was done", 130)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run(sys.argv[1:]))


def _refuse(message: str, code: int) -> int:
    sentence = " ".join(message.split())
    print(f"symdrift: {sentence}{'' if sentence[-1:] in '.?!' else '.'}", file=sys.stderr)
    return code


def _study(name: str, assignments: Sequence[str] | None) -> Study:
    from symdrift.study import read_study

    values: dict[str, str | float] = {}
    for text in assignments or ():
        path, equals, value = text.partition("=")
        if not equals or not path.strip() or not value.strip():
            raise RequestError("--set", f'"{text[:80]}" must have the form PATH=VALUE')
        if path.strip() in values:
            raise RequestError("--set", f"sets {path.strip()} twice")
        values[path.strip()] = value.strip()
    study = read_study(name)
    return study.with_values(values) if values else study


def _directory(out: Path | None, study: Study) -> Path:
    return out if out is not None else Path("generated") / study.name


def _announce(paths: Sequence[Path]) -> None:
    for path in paths:
        typer.echo(f"wrote {path}")


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def _print_points(points: Sequence[SweepPoint]) -> None:
    from symdrift.tables import evaluation_tables, sweep_table

    console = _console()
    if points[0].swept:
        table, left_out = sweep_table(points, console.width // _COLUMN)
        console.print(table)
        if left_out:
            print(f"{left_out} more quantities do not fit: use --csv or --json", file=sys.stderr)
        return
    evaluation = points[0].evaluation
    console.print(
        f"{evaluation.study}: {evaluation.method} method, {evaluation.approximation} statistics; "
        "rates per SGD step",
        markup=False,
    )
    for table in evaluation_tables(evaluation):
        console.print(table)


def _print_validation(result: Validation | Extrapolation) -> None:
    from symdrift.validation import Validation

    console = _console()
    if isinstance(result, Validation):
        from symdrift.tables import validation_table

        console.print(validation_table(result))
        console.print(
            f"{result.replicas} replicas of {result.steps} steps, windows of {result.window} "
            f"steps, seed {result.seed}; {result.rule}",
            markup=False,
        )
        return
    from symdrift.validation_report import extrapolation_table, summary

    console.print(extrapolation_table(result))
    console.print(f"{summary(result)}; seed {result.seed}", markup=False)


def _seconds(text: str) -> float:
    """Duration in seconds from ``90``, ``90s``, ``1.5m`` or ``1h``."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        return unit * float(number)
    except ValueError:
        raise RequestError("--budget", f'= "{text}" must be a time such as 60s or 2m') from None


@contextmanager
def _dask_executor(address: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster; without an address none."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise RequestError("--dask", "needs Dask: pip install 'symdrift[executors]'") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise RequestError("--dask", f'= "{address}" cannot be reached: {error}') from error
    with client:
        yield client.get_executor()


def _warn(points: Sequence[SweepPoint]) -> None:
    """Say each warning once; in a sweep, where it first applies."""
    said: set[str] = set()
    for point in points:
        for warning in point.evaluation.warnings:
            if warning not in said:
                said.add(warning)
                place = ", ".join(f"{path} = {value:g}" for path, value in point.swept.items())
                print(f"warning: {f'at {place}: ' if place else ''}{warning}", file=sys.stderr)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, for whoever reports how much of how many is done."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
