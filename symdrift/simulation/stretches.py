"""How fast representations ``h = W x`` diffuse, from their means over stretches of a run.

A representation is carried along by the rotation of the hidden layer, a random walk that adds
``q = 2 w' Delta w T`` in a window, and shaken by a fluctuation of stationary variance ``r``, as a
rule hundreds of times larger.  With ``d_1`` and ``d_2`` the displacements between the means over
three successive stretches of ``B`` windows,

    ``E|d_1 + d_2|^2 - (E|d_1|^2 + E|d_2|^2) / 2 = q B``:

what the fluctuation adds to each square is the same and drops out, up to its correlation across a
boundary, ``O(r / B^2)``.

The same is taken of the representation at the minimum, carried along by the measured rotation
alone, whose mean is known much better from the rotation in single windows.  So it is a control
variate: the difference of the two has what the fluctuation adds, and scatters by what that leaves,
``O(q r / B)`` and ``O(r^2 / B^3)`` per window.  What a stretch misses of a walk on a sphere drops
out with it.  The coefficient is one and not fitted, and the mean is measured and not from the
theory: nothing is biased, also where another vector stands in the place of that representation.
"""

from __future__ import annotations

import numpy as np

from symdrift.study.problem import Array

HALVES = 6
"""Of three stretches, which begin anew after every half."""

OF_TYPICAL = 1.25
"""Half a stretch in units of ``sqrt(r / q)`` windows."""


def half_stretch(shaken: float, carried: float, windows: int) -> int:
    """Windows of half a stretch.

    Parameters
    ----------
    shaken, carried : float
        Variance ``r`` of a representation by fluctuation, and ``q`` by diffusion in a window.
    windows : int
        That follow each other; three stretches must fit.
    """
    most = max(1, windows // HALVES)
    if not shaken < carried * (most / OF_TYPICAL) ** 2:
        return most
    return max(1, round(OF_TYPICAL * float(np.sqrt(shaken / carried))))


class Stretches:
    """Follows the mean representations of a block; told of every window end."""

    def __init__(
        self, present: Array, frame: Array, replicas: int, half: int, carried: Array
    ) -> None:
        """Prepare for means over ``2 half`` windows.

        Parameters
        ----------
        present : Array
            Representations at the last window end, ``(groups, stimuli, p, LANES)``.
        frame : Array
            Rotation of the hidden layer at the last window end, ``(groups, p, p, LANES)``.
        carried : Array
            Representations at the minimum, ``(stimuli, p)``.
        """
        self._present = present
        self._frame = frame
        self._replicas = replicas
        self._half = half
        self._carried = carried
        groups, stimuli, hidden, lanes = present.shape
        self._sum = np.zeros((groups, 2 * stimuli, hidden, lanes))
        self._squared = np.zeros_like(self._sum[:, :, 0])
        self._drifted = np.zeros_like(self._sum)
        self.begin()
        self._taken = 0

    def begin(self) -> None:
        """Forget earlier windows."""
        self._sum[:] = 0.0
        self._windows = 0
        self._halves: list[Array] = []

    def end_window(self) -> None:
        """Take the present representations into the mean."""
        stimuli = len(self._carried)
        self._sum[:, :stimuli] += self._present
        self._sum[:, stimuli:] += np.einsum("gikl,sk->gsil", self._frame, self._carried)
        self._windows += 1
        if self._windows < self._half:
            return
        self._halves.append(self._sum.copy())
        self._sum[:] = 0.0
        self._windows = 0
        if len(self._halves) < HALVES:
            return
        halves = self._halves
        first, third = halves[0] + halves[1], halves[4] + halves[5]
        both = third - first
        bend = first + third - 2.0 * (halves[2] + halves[3])
        # The same as in the docstring of the module, with d_2 - d_1 in the place of each.
        self._squared += np.add.reduce(0.75 * both * both - 0.25 * bend * bend, axis=2)
        self._drifted += np.einsum("gikl,gsil->gskl", self._frame, both)
        self._taken += 1
        del halves[0]

    def take(self) -> tuple[Array, Array, Array]:
        """Sums since the last call.

        Returns
        -------
        tuple of Array
            Of ``|d_1 + d_2|^2 - (|d_1|^2 + |d_2|^2) / 2``, ``(2 stimuli, replicas)``, of
            ``Q'(d_1 + d_2) / 2``, ``(2 stimuli, p, replicas)``, and their number,
            ``(replicas,)``; of all stimuli, and then of all carried along.
        """
        groups, stimuli, hidden, lanes = self._sum.shape
        squared = self._squared.transpose(1, 0, 2).reshape(stimuli, groups * lanes)
        drifted = self._drifted.transpose(1, 2, 0, 3).reshape(stimuli, hidden, groups * lanes)
        result = (
            squared[:, : self._replicas] / (2 * self._half) ** 2,
            drifted[..., : self._replicas] / (4 * self._half),
            np.full(self._replicas, float(self._taken)),
        )
        self._squared[:] = 0.0
        self._drifted[:] = 0.0
        self._taken = 0
        return result
