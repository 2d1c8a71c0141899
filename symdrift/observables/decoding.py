"""A linear decoder that is fitted once and then reads a drifting code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError, require_known
from symdrift.observables.process import DriftProcess, checked_lags, conjugation_change
from symdrift.observables.rotations import LARGEST_SQUARE
from symdrift.records import Record
from symdrift.study.problem import Array

TARGETS = {"teacher": "the labels", "identity": "which stimulus"}
"""What a decoder reads out, as tables and figures say it."""


@dataclass(frozen=True, eq=False)
class DecoderDecay(Record):
    """Expected ``R^2`` of a decoder fitted on day 0, against the time since.

    Attributes
    ----------
    target : {"teacher", "identity"}
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``.
    r_squared : Array
        Of the fixed decoder, averaged over rotations, shape ``(T,)``; below 0 once its
        output is worse than none.
    refitted : float
        Of a decoder that is fitted anew each day: constant.
    limit : float
        Of the fixed decoder in the end, when the rotation has become uniform among the axes that
        turn at all; where nothing rotates that of day 0.
    """

    target: str
    lags: Array
    r_squared: Array
    refitted: float
    limit: float


def decoder_decay(process: DriftProcess, lags: Array, target: str = "teacher") -> DecoderDecay:
    """``R^2 = 1 - E|z - D h|^2 / E|z|^2`` of a fixed linear decoder ``D`` on the drifting code.

    ``D = F B^-1`` is fitted by least squares on a day that is long against the relaxation of
    the fluctuation and short against the drift: ``F = E[z h']``,
    ``B = E[h h'] = W* S W*' + E[N S N']`` with ``S = E[x x']``.  After a rotation ``Q``
    the code is ``Q h``, so that
    ``R^2 = (2 tr(D E[Q] F') - tr(D E[Q B Q'] D')) / E|z|^2``, with both moments of the
    rotation exact at every lag.  Leading order in the learning rate.

    Parameters
    ----------
    target : {"teacher", "identity"}
        ``"teacher"``: the output ``y = A x + noise`` for inputs of the study;
        ``"identity"``: which of the named stimuli is shown (one indicator for each, all
        equally often).

    Raises
    ------
    RequestError
        When the target is unknown, lags are not finite, increasing and non-negative, or there
        are more hidden axes than second moments of the rotation can be had for.
    """
    times = checked_lags(lags)
    rank = len(process.decay)
    if process.planes is None:
        raise RequestError(
            "network.hidden",
            f"leads to {rank} hidden axes; the decay of a decoder needs the covariance of "
            f"rotations between all planes, which is computed for at most {LARGEST_SQUARE} active "
            "ones",
        )
    signal, still, moving, power = _day(process, target)
    code = still + moving
    decoder, refitted = _fitted(signal, code, power)

    def lost(turned: Array, conjugated: Array) -> Array:
        """How much less of the target the decoder explains after changes of both moments."""
        gained = np.sum((decoder.T @ signal) * turned, axis=(-2, -1))
        spent = np.sum((decoder.T @ decoder) * conjugated, axis=(-2, -1))
        return np.asarray((spent - 2 * gained) / power)

    identity = np.eye(rank)
    turned = process.rotation.change(identity, times)
    at_last = lost(process.rotation.limit(identity), process.conjugation.limit(code))
    return DecoderDecay(
        target=target,
        lags=times,
        r_squared=refitted - lost(turned, conjugation_change(process, code, times)),
        refitted=refitted,
        limit=refitted - float(at_last),
    )


def lost_to_fluctuation(process: DriftProcess, target: str) -> float:
    """How much better a decoder would be if nothing fluctuated."""
    signal, still, moving, power = _day(process, target)
    return _fitted(signal, still, power)[1] - _fitted(signal, still + moving, power)[1]


def _day(process: DriftProcess, target: str) -> tuple[Array, Array, Array, float]:
    """``F``, the two parts of ``B``, and ``E|z|^2``."""
    crossed, second_moment, power = _target_moments(process, target)
    layer = process.first_layer
    moving = process.fluctuation.second_moment(second_moment)
    return crossed @ layer.T, layer @ second_moment @ layer.T, moving, power


def _fitted(signal: Array, code: Array, power: float) -> tuple[Array, float]:
    """The decoder of that day, and its ``R^2``."""
    decoder = signal @ np.linalg.pinv(code, hermitian=True)
    return decoder, float(np.sum(decoder * signal)) / power


def _target_moments(process: DriftProcess, target: str) -> tuple[Array, Array, float]:
    """``E[z x']``, ``E[x x']`` and ``E|z|^2``."""
    require_known("target", target, TARGETS)
    problem = process.problem
    if target == "teacher":
        if problem.teacher is None:
            raise RequestError("target", '= "teacher" needs one, and the study has no outputs')
        covariance = problem.inputs.covariance
        crossed = problem.teacher @ covariance
        power = float(np.sum(crossed * problem.teacher) + np.sum(problem.label_noise))
        return crossed, covariance, power
    vectors = np.array([stimulus.vector for stimulus in problem.stimuli])
    return vectors / len(vectors), vectors.T @ vectors / len(vectors), 1.0
