"""A sweep as tables and in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdrift.evaluation.sweep import Sweep
from symdrift.evaluation.sweep_request import place_of
from symdrift.evaluation.swept_numbers import first_of_each, kind_of_warning
from symdrift.tables import Table, record_table

MOST_ROWS = 100
"""Points of a table that is printed."""


def sweep_warnings(sweep: Sweep) -> Iterator[str]:
    """Every warning once, as it is where it begins; in a sweep with how many points have it.

    Points that are refused are said in the same way.
    """
    found: dict[str, list[tuple[int, int, str]]] = {}
    # Numbers of a single point need not be made for it.
    warned = first_of_each(sweep.numbers.warned) if sweep.axes else [(0, 1)]
    refused = sweep.numbers.refused if sweep.axes else []
    for first, many in warned:
        for said in sweep[first].evaluation.warnings:
            found.setdefault(kind_of_warning(said), []).append((first, many, said))
    for first, many in first_of_each(each and kind_of_warning(each) for each in refused):
        said = refused[first]
        found.setdefault(kind_of_warning(said), []).append((first, many, f"refused: {said}"))
    for each in found.values():
        first, _, said = min(each)
        place = place_of(sweep.request.swept(first)) if sweep.axes else ""
        many = sum(of for _, of, _ in each)
        if place and many > 1:
            of = "all" if many == len(sweep) else f"{many} of"
            place = f"{of} {len(sweep)} points, the first at {place}"
        yield f"at {place}: {said}" if place else said


def sweep_table(sweep: Sweep, most_columns: int) -> tuple[Table, int, int]:
    """Table of a sweep, and how many of its quantities and of its points it leaves out.

    One row per point: where it lies, then the diffusion of each plane (rad^2/step) and
    the decay rate of each stimulus (1/step).
    """
    shown = {("drift", "diffusion"): "D ", ("stimuli", "decay_rate"): ""}
    axes = [axis.path for axis in sweep.axes]
    found = [each for each in sweep.numbers.ordered if (each.group, each.name) in shown]
    kept = found[: max(most_columns - len(axes), 1)]
    columns = {axis: axis for axis in axes} | {
        each.column: f"{shown[each.group, each.name]}{each.label}\n{each.unit}" for each in kept
    }
    rows = (
        {
            **sweep.request.swept(place),
            **{
                each.column: None if np.isnan(value) else float(value)
                for each in kept
                for value in (sweep.numbers.columns[each][place],)
            },
        }
        for place in range(min(len(sweep), MOST_ROWS))
    )
    table = record_table("Diffusion and decay rates", columns, rows)
    return table, len(found) - len(kept), max(len(sweep) - MOST_ROWS, 0)
