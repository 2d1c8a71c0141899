"""What an experimenter would measure on drifting representations.

Each observable is a function of a `DriftProcess` with a frozen result.
"""

from symdrift.observables.displacement import (
    Autocorrelation,
    Displacement,
    autocorrelation,
    decorrelation_time,
    mean_squared_displacement,
)
from symdrift.observables.process import DriftProcess, drift_process
from symdrift.observables.rotations import conjugated, expected_rotation

__all__ = [
    "Autocorrelation",
    "Displacement",
    "DriftProcess",
    "autocorrelation",
    "conjugated",
    "decorrelation_time",
    "drift_process",
    "expected_rotation",
    "mean_squared_displacement",
]
