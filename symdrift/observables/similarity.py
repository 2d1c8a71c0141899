"""Similarity of the representations of different stimuli, which stays while they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdrift.observables.angle import relative_change, stays_positive
from symdrift.observables.displacement import mean_squared_displacement
from symdrift.observables.layer import GramFluctuation, forgotten
from symdrift.observables.process import NOTHING, DriftProcess, checked_lags
from symdrift.records import Record
from symdrift.study.problem import Array


@dataclass(frozen=True, eq=False)
class RepresentationalSimilarity(Record):
    """Gram matrix ``h_a . h_b`` of the stimuli, and how little it changes.

    Rotation leaves it as it is, exactly; fluctuation makes it vary around a constant mean.

    Attributes
    ----------
    stimuli : tuple of str
    gram : Array
        Its expectation ``w_a . w_b + tr(P_a Gamma P_b') + displaced`` and, where it is known, the
        next order of the fluctuation, shape ``(S, S)``.
    cosine : Array
        ``w_a . w_b / (|w_a| |w_b|)``, shape ``(S, S)``; 0 without representation.
    displaced : Array
        What the displacement of the mean weights from the minimum adds, of order ``eta`` like the
        fluctuation, shape ``(S, S)``; 0 where it is not computed (in networks of very many weights
        or different axes, and under other rules than two-layer SGD) or as large as they are.
    standard_deviation : Array
        Of the entries in time, leading order, shape ``(S, S)``.
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``.
    gram_change : Array
        ``E|G_{t+tau} - G_t|^2 / |E G|^2``, Frobenius norms, shape ``(T,)``: of order ``eta``.
    representation_change : Array
        ``sum_a E|h_{t+tau} - h_t|^2 / sum_a E|h|^2``, shape ``(T,)``: it reaches 2.
    following : float or None
        Largest relative change of ``gram_change`` by the next order at any lag; None where it is
        not known.
    carried : bool
        Whether it carries it: not where it is not known, and where it would be negative at some
        lag.
    """

    unwritten = ("carried",)

    stimuli: tuple[str, ...]
    gram: Array
    cosine: Array
    displaced: Array
    standard_deviation: Array
    lags: Array
    gram_change: Array
    representation_change: Array
    following: float | None = None
    carried: bool = False


def representational_similarity(process: DriftProcess, lags: Array) -> RepresentationalSimilarity:
    """Gram matrix of the problem's stimuli, its fluctuation, and change with the lag.

    To first order in the fluctuation an entry changes by ``g . n`` with
    ``g_ab = P_a' w_b + P_b' w_a``: variance ``g' Gamma g``, and
    ``E[(G_{t+tau} - G_t)^2] = 2 g'(1 - exp(-eta H tau)) Gamma g``.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative.
    """
    times = checked_lags(lags)
    stimuli = process.problem.stimuli
    representations = np.array([process.minimum_representation(item) for item in stimuli])
    vectors = np.array([stimulus.vector for stimulus in stimuli])
    moving = process.fluctuation.gram(representations, vectors)
    gram = representations @ representations.T
    lengths = np.sqrt(np.diagonal(gram))
    lengths_product = np.outer(lengths, lengths)
    means = np.array([process.representation(item) for item in stimuli])
    displaced = means @ means.T - gram
    expected = gram + moving.expected + displaced
    if process.later is not None:
        said = [item.name not in process.later.without for item in stimuli]
        shown = vectors * np.array(said)[:, np.newaxis]
        expected = expected + shown @ process.later.matrices(np.zeros(1))[0] @ shown.T
    changed = 2 * forgotten(moving.rates, moving.weights, times)
    more = _forgotten_gram(process, times)
    size = float(np.sum(expected**2))
    following, carried = _following(process, moving, NOTHING * size)
    if more is not None and carried:
        changed = changed + 2 * more
    return RepresentationalSimilarity(
        stimuli=tuple(stimulus.name for stimulus in stimuli),
        gram=expected,
        cosine=np.divide(gram, lengths_product, out=np.zeros_like(gram), where=lengths_product > 0),
        displaced=displaced,
        standard_deviation=np.sqrt(np.maximum(moving.variances, 0.0)),
        lags=times,
        gram_change=_ratio(changed, size),
        representation_change=representation_change(process, times),
        following=following,
        carried=carried,
    )


def _forgotten_gram(process: DriftProcess, lags: Array) -> Array | None:
    """What the next order adds to half its change, shape ``(T,)``, where it is known."""
    if process.later is None or not process.total_variance:
        return None
    return process.later.forgotten_gram(lags)


def _following(
    process: DriftProcess, moving: GramFluctuation, least: float
) -> tuple[float | None, bool]:
    """Largest relative change of that of the Gram matrix, and whether it stays positive."""
    lags = process.every_lag
    more = _forgotten_gram(process, lags)
    if more is None:
        return None, False
    leading = forgotten(moving.rates, moving.weights, lags)
    return relative_change(leading, more, least), stays_positive(leading, more, least)


def representation_change(process: DriftProcess, lags: Array) -> Array:
    """``sum_a E|h_{t+tau} - h_t|^2 / sum_a E|h|^2``, shape ``(T,)``."""
    stimuli = process.problem.stimuli
    moved = [mean_squared_displacement(process, item, lags).total for item in stimuli]
    return _ratio(np.sum(moved, axis=0), squared_activity(process))


def squared_activity(process: DriftProcess) -> float:
    """``sum_a E|h|^2`` of the problem's stimuli."""
    stimuli = process.problem.stimuli
    return sum(process.squared_activity(item) for item in stimuli)


def _ratio(values: Array, scale: float) -> Array:
    return values / scale if scale > 0 else np.zeros_like(values)
