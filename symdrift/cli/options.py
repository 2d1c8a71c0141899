"""Arguments and options that several commands share, as decorators."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from symdrift.errors import RequestError

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

_FEWEST_STEPS_PER_DAY, _MOST_STEPS_PER_DAY = 1e-9, 1e18

LONGEST_VALUE = 60
"""Characters of a value in a refusal."""


@dataclass(frozen=True)
class Limits:
    """What a number on the command line may be, and the sentence that says so.

    Attributes
    ----------
    least, most : float or None
    """

    least: float | None = None
    most: float | None = None

    def refused(self, param: click.Parameter | None, value: object, kind: str) -> RequestError:
        text = str(value)
        written = text if _number(text) is not None else f'"{text[:LONGEST_VALUE]}"'
        if self.least is None:
            allowed = f"a {kind}"
        elif self.most is None:
            allowed = f"a {kind}, {self.least:g} or more"
        else:
            allowed = f"a {kind} from {self.least:g} to {self.most:g}"
        return RequestError(param.opts[-1] if param else "", f"= {written} must be {allowed}")

    def hold(self, number: float) -> bool:
        least, most = self.least, self.most
        return (least is None or least <= number) and (most is None or number <= most)


@dataclass(frozen=True)
class Whole(Limits, click.ParamType[int]):
    """A whole number; what none is, is refused with what is allowed."""

    name = "whole number"

    def convert(self, value: object, param: click.Parameter | None, _: click.Context | None) -> int:
        try:
            number = int(str(value))
        except ValueError:
            raise self.refused(param, value, self.name) from None
        if not self.hold(number):
            raise self.refused(param, value, self.name)
        return number


@dataclass(frozen=True)
class Real(Limits, click.ParamType[float]):
    """A number; what none is, is refused with what is allowed."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, _: click.Context | None
    ) -> float:
        number = _number(str(value))
        if number is None or not self.hold(number):
            raise self.refused(param, value, self.name)
        return number


def _number(text: str) -> float | None:
    """The number that a text is; None for infinities and what is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class _Path(click.Path):
    """Nothing is not the folder in which a command happens to be called."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            name = param.opts[-1] if param else ""
            raise RequestError(name, '= "" must be a path')
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)

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
    type=Whole(least=1),
    metavar="K",
    help="Strict minimum in the order of losses, where there are several; default: that of the "
    "study, 1.",
)


def in_days(text: str) -> Decorator:
    """SGD steps per day, and what is then in days."""
    steps = Real(_FEWEST_STEPS_PER_DAY, _MOST_STEPS_PER_DAY)
    return click.option("--steps-per-day", type=steps, metavar="N", help=text)


steps_per_day_option = in_days("Times in days of N SGD steps; rates stay per step.")
steps_option = click.option(
    "--steps",
    type=Whole(least=1),
    metavar="N",
    help="SGD steps of each replica; default: from theory.",
)
replicas_option = click.option(
    "--replicas",
    type=Whole(least=1),
    metavar="R",
    help="Independent networks; default: from theory.",
)
seed_option = click.option(
    "--seed",
    type=Whole(least=0),
    default=0,
    metavar="S",
    help="Seed of the random numbers, 0 or more.",
)
threads_option = click.option(
    "--threads", type=Whole(least=1), metavar="T", help="Threads; default: all processors."
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

level_option = click.option(
    "--level",
    default="full",
    metavar="results|outline|paper|full",
    help="How much of the derivation is told: the results of the study alone; with the reason for "
    "each in a sentence; what the appendix of a paper holds; or every line and every check "
    "(default).",
)
