"""The exercises, from "is this direction active?" to the isotropic diffusion constant.

Solutions are written with the derivation's own expressions, into which the drawn numbers
are put; answers are compared with the dense engine.
"""

from __future__ import annotations

from symdrift.teaching.exercises.drift_problems import (
    fluctuation,
    isotropic,
    plane_diffusion,
    stimuli,
)
from symdrift.teaching.exercises.minimum_problems import (
    active_directions,
    bottleneck,
    curvature,
    manifold,
)
from symdrift.teaching.exercises.statements import Problem

PROBLEMS: tuple[tuple[str, Problem], ...] = (
    ("active", active_directions),
    ("bottleneck", bottleneck),
    ("manifold", manifold),
    ("curvature", curvature),
    ("fluctuation", fluctuation),
    ("plane", plane_diffusion),
    ("stimuli", stimuli),
    ("isotropic", isotropic),
)
"""Every exercise by name, in the order of a sheet."""
