"""The exercises, from "is this direction active?" to the isotropic diffusion constant.

Solutions are written with the derivation's own expressions, into which the drawn numbers
are put; answers are compared with the dense engine.
"""

from __future__ import annotations

from symdrift.exercises.drift import fluctuation, isotropic, plane_diffusion, stimuli
from symdrift.exercises.minimum import active_directions, bottleneck, curvature, manifold
from symdrift.exercises.statements import Problem

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
