"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A TOML file, or the name of a shipped study.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field (learning.rate, inputs.covariance.0: entries count from 0) or a symbol "
        "of the study; repeatable.",
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
DaskOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on the Dask cluster with this scheduler."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Directory to write to; default: generated/STUDY."),
]
