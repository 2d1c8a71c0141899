"""How long representations last, and what an experiment would see them change by.

Diffusion forgets a representation at its decay rate; steady rotation turns it away as a whole.
Both are times in SGD steps, or in days where it is said how many steps a day has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from symdrift.evaluation.parts import StimulusDrift
from symdrift.evaluation.validity import with_expected_error
from symdrift.records import Record
from symdrift.tables import Table, record_table

NOTHING, FLUCTUATION = "nothing", "fluctuation"

TimeErrors = Mapping[str, Mapping[str, float]]
"""Expected relative errors by stimulus and time."""


@dataclass(frozen=True)
class Lifetime(Record):
    """How long the representation of one stimulus lasts.

    Attributes
    ----------
    stimulus : str
    decay_time : float or None
        Of diffusion alone, one over the decay rate; ``None`` where nothing decays.
    turning_time : float or None
        In which steady rotation alone turns it by one radian, ``|w| / |mu w|``; ``None`` where
        there is none.
    seen : str
        What an experiment would see: "diffusion" or "steady rotation", "fluctuation" of what is
        not represented at the minimum, or "nothing".
    """

    times: ClassVar[tuple[str, ...]] = ("decay_time", "turning_time")

    stimulus: str
    decay_time: float | None
    turning_time: float | None
    seen: str

    def in_days(self, steps_per_day: float) -> dict[str, Any]:
        """The record in days."""
        days: dict[str, Any] = {
            name: None if (steps := getattr(self, name)) is None else steps / steps_per_day
            for name in self.times
        }
        return replace(self, **days).to_dict()


def lifetime(drift: StimulusDrift) -> Lifetime:
    """Lifetime of one stimulus in SGD steps; the faster of the two changes is seen."""
    decay_time, turning_time = separate_times(
        drift.decay_rate, drift.mean_speed, drift.squared_norm
    )
    shortest = min(decay_time or math.inf, turning_time or math.inf)
    seen = NOTHING if drift.squared_norm > 0 else FLUCTUATION
    if shortest < math.inf:
        seen = "diffusion" if shortest == decay_time else "steady rotation"
    return Lifetime(drift.name, decay_time, turning_time, seen)


def separate_times(
    decay_rate: float, mean_speed: float, squared_norm: float
) -> tuple[float | None, float | None]:
    """Time of diffusion and time of steady rotation, each on its own."""
    return (
        1 / decay_rate if decay_rate > 0 else None,
        math.sqrt(squared_norm) / mean_speed if mean_speed > 0 else None,
    )


def days_record(
    lifetimes: Iterable[Lifetime], steps_per_day: float, errors: TimeErrors = MappingProxyType({})
) -> dict[str, Any]:
    """What JSON has beside rates per step, where days are asked for."""
    return {
        "steps_per_day": steps_per_day,
        "stimuli": [
            item.in_days(steps_per_day)
            | ({"expected_error": dict(errors[item.stimulus])} if item.stimulus in errors else {})
            for item in lifetimes
        ],
    }


def lifetimes_table(
    lifetimes: Sequence[Lifetime],
    steps_per_day: float | None,
    errors: TimeErrors = MappingProxyType({}),
    **columns: str,
) -> Table:
    """Times by stimulus, in days or in steps.

    Parameters
    ----------
    errors : Mapping of str to Mapping of str to float
        Expected relative errors of times by stimulus, where they are known.
    **columns : str
        Headings of further times.
    """
    unit = "steps" if steps_per_day is None else "days"
    headings = {
        "decay_time": "diffusion alone\ndecays to 1/e in",
        "turning_time": "steady rotation alone\nturns by 1 rad in",
        **columns,
    }
    rows = [item.in_days(steps_per_day or 1.0) for item in lifetimes]
    return record_table(
        f"Time scales by stimulus, in {unit}",
        {"stimulus": "stimulus", **headings, "seen": "an experiment\nwould see"},
        (
            {
                name: "never"
                if value is None
                else with_expected_error(value, errors.get(row["stimulus"], {}).get(name, 0.0))
                for name, value in row.items()
            }
            for row in rows
        ),
    )
