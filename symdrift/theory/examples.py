"""The explicit networks on which a document finds and checks the structure.

Three axes are the smallest number that contains every kind of term; two more networks
have a direction that is left out, with and without a silent hidden unit.  A fourth axis
shows that nothing else appears in larger networks: an entry of the Hessian or of the
noise involves two weights and hence at most four axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from symdrift.theory.linear.aligned import RepresentativeDrift, representative_drift
from symdrift.theory.linear.limits import SmallWeightDecay, small_weight_decay
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import (
    AlignedMinimum,
    Direction,
    active_direction,
    inactive_direction,
)
from symdrift.theory.setting import explicit_network


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
    def all_active(self) -> NormalSpace:
        """Three axes, all learned."""
        directions = tuple(active_direction(index) for index in "123")
        return NormalSpace(AlignedMinimum(directions, hidden=3, inputs=3, outputs=3))

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


def _two_of_three() -> tuple[Direction, ...]:
    return active_direction("1"), active_direction("2"), inactive_direction("3")
