"""Squared displacements of representations ``h = W x`` on a dyadic set of lags, summed as it runs.

Lags are the window of a schedule halved and doubled again and again.  For a doubled lag of
``2^j`` windows a few earlier representations are kept, `OVERLAP` of them spread over that time;
for a halved lag the one at the beginning of the present window.  So the memory grows with the
logarithm of the longest lag, and nothing is stored along the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdrift.simulation.lanes import LANES, compiled, floats, inlined, load, pointer, store
from symdrift.simulation.setup import Model, on_own_pages
from symdrift.study.problem import Array

OVERLAP = 4
"""Earlier representations kept for a lag, which begin that many overlapping displacements."""


@inlined
def _represented(
    weights: Any, first: int, inputs: int, stimuli: Any, stimulus: int, unit: int
) -> Any:
    """One component of ``W x``."""
    total = floats(0.0)
    for j in range(inputs):
        total = total + load(weights, first + unit * inputs + j) * floats(
            stimuli[stimulus * inputs + j]
        )
    return total


@compiled
def compare(
    inputs: int,
    hidden: int,
    outputs: int,
    count: int,
    lags: int,
    weights_array: Any,
    stimuli_array: Any,
    origin_array: Any,
    sums_array: Any,
    lag: int,
) -> None:
    """Add the squared displacement since ``origin`` to the sum of one lag.

    Parameters
    ----------
    weights_array : Array
        Memory of the block.
    stimuli_array : Array
        Shape ``(count, n)``, flattened.
    origin_array : Array
        Earlier representations, ``(groups, count, p, LANES)`` flattened.
    sums_array : Array
        ``(groups, lags, count, LANES)`` flattened.
    """
    weights = pointer(weights_array)
    stimuli = pointer(stimuli_array)
    origin = pointer(origin_array)
    sums = pointer(sums_array)
    size = hidden * (inputs + outputs)
    for group in range(len(weights_array) // (LANES * size)):
        for stimulus in range(count):
            total = floats(0.0)
            for i in range(hidden):
                moved = _represented(weights, group * size, inputs, stimuli, stimulus, i) - load(
                    origin, (group * count + stimulus) * hidden + i
                )
                total = total + moved * moved
            at = (group * lags + lag) * count + stimulus
            store(sums, at, load(sums, at) + total)


@compiled
def follow(
    inputs: int,
    hidden: int,
    outputs: int,
    count: int,
    lags: int,
    weights_array: Any,
    stimuli_array: Any,
    origin_array: Any,
    sums_array: Any,
    first_lag: int,
    held_array: Any,
    window: int,
) -> None:
    """Represent the stimuli at a window end, and compare with what is held for the long lags.

    Parameters
    ----------
    origin_array : Array
        Receives the present representations.
    first_lag : int
        Number of lags shorter than a window.
    held_array : Array
        Earlier representations, ``(lags - first_lag, OVERLAP, groups, count, p, LANES)``
        flattened; updated.
    window : int
        Windows since the first call; 0 begins anew.
    """
    weights = pointer(weights_array)
    stimuli = pointer(stimuli_array)
    origin = pointer(origin_array)
    sums = pointer(sums_array)
    held = pointer(held_array)
    size = hidden * (inputs + outputs)
    groups = len(weights_array) // (LANES * size)
    for group in range(groups):
        for stimulus in range(count):
            for i in range(hidden):
                store(
                    origin,
                    (group * count + stimulus) * hidden + i,
                    _represented(weights, group * size, inputs, stimuli, stimulus, i),
                )
    for level in range(lags - first_lag):
        span = 1 << level
        stride = max(1, span // OVERLAP)
        if window % stride == 0:
            slot = (window // stride) % min(span, OVERLAP)
            before = (level * OVERLAP + slot) * groups * count * hidden
            for group in range(groups):
                for stimulus in range(count):
                    total = floats(0.0)
                    for i in range(hidden):
                        at = (group * count + stimulus) * hidden + i
                        here = load(origin, at)
                        moved = here - load(held, before + at)
                        total = total + moved * moved
                        store(held, before + at, here)
                    if window >= span:
                        at = (group * lags + first_lag + level) * count + stimulus
                        store(sums, at, load(sums, at) + total)


class Displacements:
    """Follows the representations of a block; told of every window end and what lies between.

    Attributes
    ----------
    present : Array
        Representations at the last window end, ``(groups, stimuli, p, LANES)``.
    """

    def __init__(
        self,
        model: Model,
        stimuli: Array,
        weights: Array,
        replicas: int,
        halvings: int,
        doublings: int,
    ) -> None:
        """Prepare for ``halvings`` lags below a window and ``doublings + 1`` from it on.

        Parameters
        ----------
        stimuli : Array
            Shape ``(stimuli, n)``.
        weights : Array
            Memory of the block.
        """
        shape = model.shape
        count, lags = len(stimuli), halvings + doublings + 1
        groups = -(-replicas // LANES)
        representations = groups * count * shape.hidden * LANES
        self._replicas = replicas
        self._count = count
        self._halvings = halvings
        self._window = 0
        self._pairs = np.zeros(lags)
        self._sums = on_own_pages(np.zeros(groups * lags * count * LANES))
        self._held = on_own_pages(np.zeros((doublings + 1) * OVERLAP * representations))
        present = on_own_pages(np.zeros(representations))
        self.present = present.reshape(groups, count, shape.hidden, LANES)
        self._arguments = (
            shape.inputs,
            shape.hidden,
            shape.outputs,
            count,
            lags,
            weights,
            np.ravel(stimuli @ model.basis),
            present,
            self._sums,
        )

    def begin(self) -> None:
        """Forget earlier windows; the present state begins the next."""
        self._window = -1
        self.end_window()

    def within_window(self, lag: int) -> None:
        """Take the displacement since the last window end as one of the ``lag``-th lag."""
        if self._count:
            compare(*self._arguments, lag)
        self._pairs[lag] += 1

    def end_window(self) -> None:
        """Take the displacements over whole windows that end here."""
        self._window += 1
        if self._count:
            follow(*self._arguments, self._halvings, self._held, self._window)
        for level in range(len(self._pairs) - self._halvings):
            span = 1 << level
            if self._window >= span and self._window % max(1, span // OVERLAP) == 0:
                self._pairs[self._halvings + level] += 1

    def take(self) -> tuple[Array, Array]:
        """Sums of squared displacements and their number since the last call.

        Returns
        -------
        tuple of Array
            Shapes ``(stimuli, lags, replicas)`` and ``(lags, replicas)``.
        """
        lags, groups = len(self._pairs), len(self.present)
        summed = self._sums.reshape(groups, lags, self._count, LANES).transpose(2, 1, 0, 3)
        result = summed.reshape(self._count, lags, groups * LANES)[..., : self._replicas].copy()
        pairs = np.repeat(self._pairs[:, np.newaxis], self._replicas, axis=1)
        self._sums[:] = 0.0
        self._pairs[:] = 0.0
        return result, pairs
