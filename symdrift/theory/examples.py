"""The explicit networks on which a document finds and checks the structure.

For any task there are two misaligned networks whose axes, singular values and covariances are
rational, so that everything about them is exact, and one of two axes whose parameters are
symbols.  Where teacher and inputs share axes, three axes are the smallest number that contains
every kind of term; two more networks have a direction that is left out, with and without a
silent hidden unit.  A fourth axis shows that nothing else appears in larger networks: an entry
of the Hessian or of the noise involves two weights and hence at most four axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.theory.linear.aligned import RepresentativeDrift, representative_drift
from symdrift.theory.linear.limits import SmallWeightDecay, small_weight_decay
from symdrift.theory.linear.maps import MapDrift, elliptical_noise
from symdrift.theory.linear.minimum import Minimum
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import (
    AlignedMinimum,
    ChosenMinimum,
    Direction,
    active_direction,
    inactive_direction,
)
from symdrift.theory.linear.two_axes import TwoAxes
from symdrift.theory.linear.weight_space import WeightSpace
from symdrift.theory.setting import explicit_network

EXAMPLE_KURTOSIS = sp.Rational(1, 2)

SHARED = (
    "three learned axes, a bottleneck, a silent hidden unit, more inputs than outputs, more "
    "outputs than inputs"
)
"""What the networks with shared axes have."""


def turned(size: int, i: int, j: int, half_tangent: sp.Rational) -> sp.ImmutableMatrix:
    """Rotation of two axes by an angle whose half has a rational tangent."""
    cosine = (1 - half_tangent**2) / (1 + half_tangent**2)
    sine = 2 * half_tangent / (1 + half_tangent**2)
    matrix = sp.eye(size)
    matrix[i, i] = matrix[j, j] = cosine
    matrix[i, j], matrix[j, i] = -sine, sine
    return sp.ImmutableMatrix(matrix)


@dataclass(frozen=True)
class Examples:
    """Explicit networks, each computed once."""

    @cached_property
    def generic(self) -> LinearNetwork:
        """Three inputs, two hidden units, two outputs; teacher and covariance are full."""
        return explicit_network(3, 2, 2)

    @cached_property
    def representative(self) -> RepresentativeDrift:
        """Blocks and terms of the indices ``i``, ``j``, ``l``."""
        return representative_drift()

    @cached_property
    def small_weight_decay(self) -> SmallWeightDecay:
        """Leading orders of the terms in the weight decay."""
        return small_weight_decay(self.representative)

    @cached_property
    def indexed(self) -> AlignedMinimum:
        """The axes ``i`` and ``j`` learned, ``l`` left out, and a hidden unit that stays silent."""
        directions = (active_direction("i"), active_direction("j"), inactive_direction("l"))
        return AlignedMinimum(directions, hidden=3, inputs=3, outputs=3)

    @cached_property
    def all_active(self) -> NormalSpace:
        """Three axes, all learned."""
        directions = tuple(active_direction(index) for index in "123")
        return NormalSpace(AlignedMinimum(directions, hidden=3, inputs=3, outputs=3))

    @cached_property
    def four_axes(self) -> AlignedMinimum:
        """Four axes, all learned."""
        return AlignedMinimum(tuple(active_direction(k) for k in "1234"), 4, 4, 4)

    @cached_property
    def bottleneck(self) -> NormalSpace:
        """Three axes and two hidden units: one axis is left out."""
        return NormalSpace(AlignedMinimum(_two_of_three(), hidden=2, inputs=3, outputs=3))

    @cached_property
    def silent_unit(self) -> NormalSpace:
        """Three axes, two of them learned, and a hidden unit that stays silent."""
        return NormalSpace(AlignedMinimum(_two_of_three(), hidden=3, inputs=3, outputs=3))

    @cached_property
    def more_inputs(self) -> NormalSpace:
        """Three inputs and two outputs, with two hidden units."""
        return NormalSpace(AlignedMinimum(_two_of_three(), hidden=2, inputs=3, outputs=2))

    @cached_property
    def more_outputs(self) -> NormalSpace:
        """Two inputs and three outputs, with two hidden units."""
        return NormalSpace(AlignedMinimum(_two_of_three(), hidden=2, inputs=2, outputs=3))

    @cached_property
    def shared_axes(self) -> tuple[NormalSpace, ...]:
        """The networks whose teacher and inputs share axes, in the order of `SHARED`."""
        return (
            self.all_active,
            self.bottleneck,
            self.silent_unit,
            self.more_inputs,
            self.more_outputs,
        )

    @cached_property
    def rectangular(self) -> ChosenMinimum:
        """Three inputs, two outputs, both directions learned."""
        right = turned(3, 0, 2, sp.Rational(1, 2)) * turned(3, 0, 1, sp.Rational(1, 4))
        return ChosenMinimum(
            left=turned(2, 0, 1, sp.Rational(1, 3)),
            right=sp.ImmutableMatrix(right[:, :2]),
            singular_values=(sp.Rational(9, 4), sp.Integer(1)),
            input_covariance=_covariance(),
            weight_decay=sp.Rational(1, 4),
            unlearned_slope=sp.ImmutableMatrix(sp.zeros(2, 3)),
            label_noise=(sp.Rational(1, 3), sp.Rational(1, 5)),
        )

    @cached_property
    def left_out(self) -> ChosenMinimum:
        """Three inputs and outputs, two directions learned, one below the threshold."""
        left = turned(3, 0, 1, sp.Rational(1, 3)) * turned(3, 1, 2, sp.Rational(1, 2))
        right = turned(3, 0, 2, sp.Rational(1, 2)) * turned(3, 0, 1, sp.Rational(1, 4))
        return ChosenMinimum(
            left=sp.ImmutableMatrix(left[:, :2]),
            right=sp.ImmutableMatrix(right[:, :2]),
            singular_values=(sp.Rational(9, 4), sp.Integer(1)),
            input_covariance=_covariance(),
            weight_decay=sp.Rational(1, 4),
            unlearned_slope=sp.ImmutableMatrix(left[:, 2:] * right[:, 2:].T / 10),
            label_noise=(sp.Rational(1, 3), sp.Rational(1, 5), sp.Integer(0)),
        )

    @cached_property
    def rational(self) -> tuple[ChosenMinimum, ...]:
        """The networks with rational entries."""
        return self.rectangular, self.left_out

    @cached_property
    def drifts(self) -> tuple[MapDrift, ...]:
        """Fluctuation and rotation of each, with elliptical inputs."""
        return tuple(
            MapDrift(minimum, elliptical_noise(minimum, EXAMPLE_KURTOSIS))
            for minimum in self.rational
        )

    @cached_property
    def weight_spaces(self) -> tuple[WeightSpace, ...]:
        """The same in all weights."""
        return tuple(
            WeightSpace(
                drift.minimum,
                sp.ImmutableMatrix(drift.minimum.reach * drift.noise * drift.minimum.reach.T),
            )
            for drift in self.drifts
        )

    @property
    def minima(self) -> tuple[Minimum, ...]:
        """Those with rational entries, then those with shared axes."""
        return (*self.rational, *(space.minimum for space in self.shared_axes))

    @cached_property
    def two_axes(self) -> TwoAxes:
        """Two axes in their canonical frame: everything is a symbol."""
        return TwoAxes()


def _two_of_three() -> tuple[Direction, ...]:
    return active_direction("1"), active_direction("2"), inactive_direction("3")


def _covariance() -> sp.ImmutableMatrix:
    half, quarter, fifth = (sp.Rational(1, k) for k in (2, 4, 5))
    return sp.ImmutableMatrix([[2, half, quarter], [half, 1, fifth], [quarter, fifth, 3 * quarter]])
