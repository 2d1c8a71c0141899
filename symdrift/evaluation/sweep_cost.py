"""How long a sweep of large networks takes, foreseen by counting."""

from __future__ import annotations

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.closed_form.axis_kinds import different_axes
from symdrift.evaluation.evaluate import require_next_order
from symdrift.evaluation.next_order.cost import LONGEST as LONGEST_POINT
from symdrift.evaluation.next_order.cost import QUICK, TooExpensive, duration
from symdrift.evaluation.sweep_request import SweepRequest
from symdrift.execution import available_processors

LONGEST = 86400.0
"""Seconds that a sweep may take, which goes on where it was interrupted."""
_SECONDS_PER_TERM = 8e-9
"""Of a processor, for each three axes of a network."""
_LOOKED_AT = 16
"""Points of each size of which axes are counted."""


def sweep_seconds(request: SweepRequest) -> float:
    """Of all points together, on the processors of this machine; by arrays.

    Networks of which many axes are the same take less; they are looked at where that matters.
    """
    each = _SECONDS_PER_TERM * request.networks / available_processors()
    if each * request.most_axes**3 < QUICK:
        return each * request.most_axes**3
    varied, most = request.varied(0, request.total), 0
    for size in varied.by_size():
        some = size[np.unique(np.linspace(0, len(size) - 1, _LOOKED_AT).astype(int))]
        problems = varied.at(some).diagonal_problems()
        if problems is not None:
            parts = (problems.variances, problems.gains, problems.label_noise)
            most = max(most, *(different_axes(*axes) for axes in zip(*parts, strict=True)))
    return each * most**3


def require_time(request: SweepRequest, seconds: float) -> None:
    """Refuse a sweep that would take too long, before it begins.

    Raises
    ------
    RequestError
    """
    if seconds <= LONGEST:
        return
    possible = int(float(f"{request.total * LONGEST / seconds:.1g}"))
    advice = f"about {possible:,} points are possible"
    rates = [axis.path for axis in request.axes[:-1] if request.moves_rate_alone(axis.path)]
    if rates:
        advice += (
            f", and more with {rates[0]} as the last axis: networks that differ in the learning "
            "rate alone are then evaluated once"
        )
    raise RequestError(
        "--sweep",
        f"asks for {request.total:,} points of networks with up to {request.most_axes} axes, which "
        f"would take about {duration(seconds)} here (allowed: {duration(LONGEST)}); {advice}",
    )


def require_next_orders(request: SweepRequest) -> None:
    """Refuse a sweep whose next orders would take too long together, by its first and last point.

    What takes too long at a single point is a gap with its reason, as what the theory refuses.

    Raises
    ------
    RequestError
    """
    each = LONGEST / request.total
    if each >= LONGEST_POINT:
        return
    for place in {0, request.total - 1}:
        try:
            require_next_order(request.study.with_values(request.swept(place)).problem(), each)
        except TooExpensive as refusal:
            seconds = refusal.cost.seconds
            if seconds <= each:
                continue
            possible = int(float(f"{LONGEST / seconds:.1g}"))
            raise RequestError(
                "--sweep",
                f"asks for {request.total:,} points, each with a next order that takes about "
                f"{duration(seconds)} or more (allowed: {duration(LONGEST)} together); about "
                f"{possible:,} points are possible, or leave --order out",
            ) from None
        except RequestError:
            continue
