"""Arguments and options that several commands share, as decorators."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

study_argument = click.argument(
    "study", metavar="STUDY", help="A TOML file, or the name of a shipped study."
)
set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a field (learning.rate, inputs.covariance.0: entries count from 0) or a symbol of "
    "the study; repeatable.",
)
minimum_option = click.option(
    "--minimum",
    type=click.IntRange(min=1),
    metavar="K",
    help="Strict minimum in the order of losses, where there are several; default: that of the "
    "study, 1.",
)
steps_per_day_option = click.option(
    "--steps-per-day",
    type=float,
    metavar="N",
    help="Times in days of N SGD steps; rates stay per step.",
)
steps_option = click.option(
    "--steps", type=int, metavar="N", help="SGD steps of each replica; default: from theory."
)
replicas_option = click.option(
    "--replicas", type=int, metavar="R", help="Independent networks; default: from theory."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="S",
    help="Seed of the random numbers, 0 or more.",
)
threads_option = click.option(
    "--threads", type=int, metavar="T", help="Threads; default: all processors."
)
dask_option = click.option(
    "--dask", metavar="ADDRESS", help="Run on the Dask cluster with this scheduler."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
plot_option = click.option(
    "--plot", type=PATH, metavar="FILE", help="Write a picture (.png, .svg or .pdf)."
)
approximation_option = click.option(
    "--approximation",
    default="exact",
    metavar="exact|white",
    help="white: noise and fluctuation taken as uncorrelated.",
)
out_option = click.option(
    "--out", type=PATH, metavar="DIR", help="Directory to write to; default: generated/STUDY."
)
