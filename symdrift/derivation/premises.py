"""What equations may assume: named, so that a result can be asked whether it needs it."""

from __future__ import annotations

from enum import StrEnum


class Premise(StrEnum):
    """Put into an equation where it is stated, and needed by all that rests on it."""

    GAUSSIAN = "Gaussian inputs"
    ELLIPTICAL = "elliptical inputs"
    SHARED_AXES = "teacher and inputs share axes"
    EQUAL_AXES = "all axes are alike"
    POSITIVE_DECAY = "positive weight decay"
    SMALL_DECAY = "small weight decay"
    QUIET_LABELS = "no label noise"
    LEADING_ORDER = "leading order in the learning rate"
    STRICT = "strict minimum"
    WHITE_NOISE = "noise uncorrelated in time"


DISTRIBUTIONS = frozenset({Premise.GAUSSIAN, Premise.ELLIPTICAL})
"""Of the inputs: what holds for one of them is a value of a quantity, not its meaning."""
