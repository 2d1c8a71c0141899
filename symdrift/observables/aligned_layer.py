"""The first layer of aligned Gaussian problems: weights fluctuate in pairs, planes turn alone.

In the axes that teacher and inputs share the directions ``u_ab`` and ``u_ba`` of the normal space
couple to each other only, with the blocks ``H_ab`` and ``C_ab``.  Nothing larger than the first
layer is held, which leaves room for hundreds of hidden axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.alignment import align
from symdrift.evaluation.closed_form import evaluate, learned_axes
from symdrift.evaluation.closed_form.network_axes import NetworkAxes, network_axes
from symdrift.evaluation.closed_form.printed_aligned import (
    _own_curvature,
    _own_fluctuation,
    _pair_block,
    _silent_curvature,
    _unreached_curvature,
)
from symdrift.evaluation.strict_minima import active_axes
from symdrift.evaluation.validity import Validity
from symdrift.observables.layer import GramFluctuation, ModeFluctuation, covariance_root
from symdrift.study.problem import Array, LearningProblem


@dataclass(frozen=True, eq=False)
class PairFluctuation:
    """Fluctuation in which weight ``N_ab`` of hidden axis ``a`` goes with ``N_ba`` only.

    Attributes
    ----------
    input_axes : Array
        As columns, shape ``(n, n)``, the first ``r`` in the order of the hidden axes.
    pair_rates : Array
        Rates of each weight, shape ``(r, n, c)``, per step.
    own : Array
        ``E[N_ab(tau) N_ab(0)] = sum_k own_abk exp(-rates_abk tau)``, shape ``(r, n, c)``.
    swapped : Array
        ``E[N_ab(tau) N_ba(0)]`` likewise, shape ``(r, r, c)``; 0 for ``a = b``.
    """

    input_axes: Array
    pair_rates: Array
    own: Array
    swapped: Array

    @property
    def rates(self) -> Array:
        return self.pair_rates.ravel()

    def relaxation(self, vector: Array) -> tuple[Array, Array]:
        """``tr K_tau = sum_ab E[N_ab(tau) N_ab(0)] x_b^2``, without the terms that are 0."""
        squares = (self.input_axes.T @ vector) ** 2
        seen = squares > 0
        weights = self.own[:, seen] * squares[seen, np.newaxis]
        return self.pair_rates[:, seen].ravel(), weights.ravel()

    def forgotten(self, vector: Array, lags: Array) -> Array:
        """``K_aa`` from own weights, ``K_ab = E[N_ab N_ba'] x_b x_a`` beside the diagonal."""
        rank = len(self.own)
        turned = self.input_axes.T @ vector
        lost = np.zeros((len(lags), rank, rank))
        seen = turned != 0
        there = np.ix_(seen[:rank], seen[:rank])
        products = np.outer(turned[:rank], turned[:rank])[there]
        crossed = self.pair_rates[:, :rank][there], self.swapped[there]
        rates, own = self.pair_rates[:, seen], self.own[:, seen]
        places = np.arange(rank)
        for place, lag in enumerate(lags):
            gone = -np.expm1(-lag * crossed[0])
            lost[place][there] = np.sum(crossed[1] * gone, axis=2) * products
            gone = np.sum(own * -np.expm1(-lag * rates), axis=2)
            lost[place, places, places] = gone @ turned[seen] ** 2
        return lost

    def second_moment(self, moment: Array) -> Array:
        """``E[N S N']_ac``: own weights on the diagonal, ``S_ca E[N_ac N_ca]`` beside it."""
        rank = len(self.own)
        seen = np.flatnonzero(moment.any(axis=0))
        axes = self.input_axes[seen]
        turned = axes.T @ moment[np.ix_(seen, seen)] @ axes
        total = self.swapped.sum(axis=2) * turned[:rank, :rank]
        total[np.diag_indices(rank)] = self.own.sum(axis=2) @ np.diagonal(turned)
        return np.asarray(total)

    def gram(self, representations: Array, vectors: Array) -> GramFluctuation:
        """An entry changes by ``<M, N>`` with ``M = w_b x_a' + w_a x_b'``.

        Its variance is ``sum own_ij M_ij^2 + sum swapped_ij M_ij M_ji``.
        """
        rank = len(self.own)
        inputs = vectors @ self.input_axes
        codes, known = representations, inputs[:, :rank]
        own, swapped = self.own.sum(axis=2), self.swapped.sum(axis=2)
        products = codes * known
        crossed = products @ swapped @ products.T
        single = codes**2 @ own @ (inputs**2).T
        expected = inputs * own.sum(axis=0) @ inputs.T
        variances = single + single.T + crossed + crossed.T
        for a, (code, vector) in enumerate(zip(codes, inputs, strict=True)):
            # Terms with w_a and w_b at the two ends of the same weight.
            variances[a] += 2 * np.sum((codes * code) @ own * (inputs * vector), axis=1)
            ahead, back = code * known, codes * known[a]
            variances[a] += np.sum(ahead @ swapped * ahead, axis=1)
            variances[a] += np.sum(back @ swapped * back, axis=1)
        # The sums of M_ij^2 and M_ij M_ji over all pairs of stimuli.
        shared = (codes.T @ inputs) ** 2
        squares = 2 * (np.outer(np.sum(codes**2, axis=0), np.sum(inputs**2, axis=0)) + shared)
        own_products = products.sum(axis=0)
        swaps = 2 * (codes.T @ codes * (known.T @ known) + np.outer(own_products, own_products))
        weights = self.own * squares[:, :, np.newaxis]
        weights[:, :rank] += self.swapped * swaps[:, :, np.newaxis]
        return GramFluctuation(expected, variances, self.rates, weights.ravel())

    def sample(
        self, vectors: Array, lags: Array, samples: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Drawn pair by pair: nothing depends on the order in which the rates are given."""
        rank, inputs = self.own.shape[:2]
        turned = self.input_axes.T @ vectors
        first, second = np.triu_indices(rank, 1)
        lonely = np.ones((rank, inputs), dtype=bool)
        lonely[first, second] = lonely[second, first] = False
        fresh = rng.standard_normal((2, samples, rank, inputs))
        paired = np.concatenate(
            [fresh[:, :, first, second, np.newaxis], fresh[:, :, second, first, np.newaxis]], axis=3
        )
        later = np.empty((len(lags), samples, rank, vectors.shape[1]))
        start = np.empty((samples, rank, inputs))
        layer = np.empty_like(start)
        stationary = self._pair_covariance(0.0, first, second)
        deviation = np.sqrt(self.own.sum(axis=2)[lonely])
        joint = np.empty((len(first), 4, 4))
        joint[:, :2, :2] = joint[:, 2:, 2:] = stationary
        root = covariance_root(stationary)
        drawn = np.einsum("pij,spj->spi", root, paired[0])
        start[:, first, second], start[:, second, first] = drawn[..., 0], drawn[..., 1]
        start[:, lonely] = fresh[0][:, lonely] * deviation
        for place, lag in enumerate(lags):
            remembered = self._pair_covariance(float(lag), first, second)
            joint[:, 2:, :2], joint[:, :2, 2:] = remembered, remembered.swapaxes(1, 2)
            lower = covariance_root(joint)[:, 2:]
            drawn = np.einsum("pij,spj->spi", lower[..., :2], paired[0])
            drawn += np.einsum("pij,spj->spi", lower[..., 2:], paired[1])
            layer[:, first, second], layer[:, second, first] = drawn[..., 0], drawn[..., 1]
            kept = np.sum(self.own * np.exp(-lag * self.pair_rates), axis=2)[lonely]
            correlation = np.divide(kept, deviation**2, out=np.zeros_like(kept), where=kept > 0)
            rest = np.sqrt(np.maximum(1 - correlation**2, 0.0))
            noise = correlation * fresh[0][:, lonely] + rest * fresh[1][:, lonely]
            layer[:, lonely] = deviation * noise
            later[place] = layer @ turned
        return start @ turned, later

    def _pair_covariance(
        self, lag: float, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> Array:
        """``E[(N_ab, N_ba)(tau) (N_ab, N_ba)(0)']`` of pairs ``a < b``, shape ``(pairs, 2, 2)``."""
        rank = len(self.own)
        memory = np.exp(-lag * self.pair_rates[:, :rank])
        own = np.sum(self.own[:, :rank] * memory, axis=2)
        swapped = np.sum(self.swapped * memory, axis=2)
        covariance = np.empty((len(first), 2, 2))
        covariance[:, 0, 0], covariance[:, 0, 1] = own[first, second], swapped[first, second]
        covariance[:, 1, 0], covariance[:, 1, 1] = swapped[second, first], own[second, first]
        return covariance


@dataclass(frozen=True, eq=False)
class AlignedLayer:
    """First layer of an aligned problem in the canonical frame, as gradient noise moves it.

    Attributes
    ----------
    axes : Array
        Shared input axes as columns, shape ``(n, n)``, the ``r`` active ones first.
    singular_values : Array
        Shape ``(r,)``.
    variances : Array
        ``V_ij`` of each plane, shape ``(r, r)``, per step.
    hessian_min : float
        Smallest Hessian eigenvalue on the normal space.
    blocks : PairBlocks
    validity : Validity
    warnings : tuple of str
    """

    axes: Array
    singular_values: Array
    variances: Array
    hessian_min: float
    blocks: PairBlocks
    validity: Validity
    warnings: tuple[str, ...]

    @property
    def first_layer(self) -> Array:
        """``W*``, shape ``(r, n)``."""
        rank = len(self.singular_values)
        return np.asarray(np.sqrt(self.singular_values)[:, np.newaxis] * self.axes[:, :rank].T)

    def gradient_fluctuation(self, rate: float) -> PairFluctuation:
        """What gradient noise makes of the weights of active hidden units."""
        return self._fluctuation(self.blocks.noise, rate)

    def synaptic_fluctuation(self, variance: float, rate: float) -> PairFluctuation:
        """What synaptic noise makes of them: reached directions and imbalances.

        The imbalance of the axes ``i`` and ``j`` has components ``sqrt(s_j)`` on ``W_ij`` and
        ``sqrt(s_i)`` on ``W_ji``, over ``sqrt(2 (s_i + s_j))``.
        """
        values, curvature = self.singular_values, self.blocks.unreached
        rank = len(values)
        reached = self._fluctuation(variance / rate**2 * self.blocks.directions, rate)
        shape = (*reached.own.shape[:2], 1)
        rates, own = np.full(shape, curvature * rate), np.zeros(shape)
        half = variance / (4 * rate * curvature)
        share = half / (values[:, np.newaxis] + values)
        own[:, :rank, 0] = share * values
        own[np.arange(rank), np.arange(rank), 0] = half
        swapped = share * np.sqrt(np.outer(values, values))
        np.fill_diagonal(swapped, 0.0)
        return PairFluctuation(
            input_axes=self.axes,
            pair_rates=np.concatenate([reached.pair_rates, rates], axis=2),
            own=np.concatenate([reached.own, own], axis=2),
            swapped=np.concatenate([reached.swapped, swapped[..., np.newaxis]], axis=2),
        )

    def silent_fluctuation(self, variance: float, rate: float) -> ModeFluctuation:
        """What synaptic noise makes of one silent unit: ``gamma -+ kappa_b`` on each axis.

        Half of each mode is in the first layer; ``gamma - kappa_b = 0`` of an active axis is
        tangent.  An axis without an output has the curvature ``gamma``.
        """
        rank = len(self.singular_values)
        modes, curvatures = [], []
        for axis, (column, both) in enumerate(zip(self.axes.T, self.blocks.silent, strict=True)):
            # With no output the two coincide, and all of the mode is in the first layer.
            paired = self.blocks.partner[axis]
            kept = both[1:] if axis < rank or not paired else both
            modes += [np.sqrt(0.5 if paired else 1.0) * column] * len(kept)
            curvatures += list(kept)
        curvature = np.array(curvatures)
        return ModeFluctuation(
            rates=rate * curvature,
            modes=np.array(modes).T[np.newaxis],
            covariance=np.diag(variance / (2 * rate * curvature)),
        )

    def _fluctuation(self, noise: Array, rate: float) -> PairFluctuation:
        """Solve ``H Gamma + Gamma H = eta C`` on the block of every ``u_ab`` and ``u_ba``."""
        rank = len(self.singular_values)
        stiffness, axes = np.linalg.eigh(self.blocks.hessian)
        covariance = axes.swapaxes(2, 3) @ noise @ axes
        covariance *= rate / (stiffness[..., :, np.newaxis] + stiffness[..., np.newaxis, :])
        lasting = covariance @ axes.swapaxes(2, 3)
        # Component of u_ab on the first-layer weight.
        singular = np.pad(self.singular_values, (0, len(self.axes) - rank))
        shares = np.sqrt(singular[:rank, np.newaxis] / (singular[:rank, np.newaxis] + singular))
        own = axes[..., 0, :] * lasting[..., 0] * shares[..., np.newaxis] ** 2
        swapped = (axes[..., 0, :] * lasting[..., 1])[:, :rank]
        swapped *= (shares[:, :rank] * shares[:, :rank].T)[..., np.newaxis]
        swapped[np.arange(rank), np.arange(rank)] = 0.0
        return PairFluctuation(self.axes, rate * stiffness, own, swapped)


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """Blocks of the directions ``u_ab`` and ``u_ba``, active ``a``; ``u_aa`` is a block by itself.

    Where ``u_ba`` does not exist, a copy of the curvature of ``u_ab`` without noise stands for it.

    Attributes
    ----------
    hessian, noise : Array
        Shape ``(r, n, 2, 2)``.
    directions : Array
        1 on the diagonal of the blocks where there is a direction, shape ``(r, n, 2, 2)``.
    unreached : float
        Hessian of the imbalances of active axes, which gradient noise does not reach.
    silent : Array
        Hessian of a silent unit along each axis ``b``, ``gamma -+ kappa_b``, shape ``(n, 2)``.
    partner : NDArray
        Whether axis ``b`` has an output, shape ``(n,)``.
    """

    hessian: Array
    noise: Array
    directions: Array
    unreached: float
    silent: Array
    partner: NDArray[np.bool_]


def aligned_layer(problem: LearningProblem, approximation: str = "exact") -> AlignedLayer:
    """Minimum, rotation and blocks of the first layer from the closed form.

    Parameters
    ----------
    problem : LearningProblem
        Its synaptic noise is left out.
    approximation : {"exact", "white"}

    Raises
    ------
    RequestError
        When the problem is not aligned, or as `symdrift.evaluation.closed_form.evaluate`.
    """
    aligned = align(problem)
    if isinstance(aligned, str):
        raise RequestError("study", f"has no closed form: {aligned}")
    evaluation = evaluate(replace(problem, synaptic_noise=0.0), approximation)
    outputs, inputs = problem.teacher.shape
    found = network_axes(
        covariance=aligned.input_variances,
        weight_decay=problem.weight_decay,
        gains=aligned.gains,
        label_noise=aligned.label_noise,
        inputs=inputs,
        outputs=outputs,
        hidden=problem.hidden,
        learned=learned_axes(problem),
    )
    values = found.singular_value[:inputs]
    active = active_axes(values)
    variances = np.zeros((active.size, active.size))
    variances[np.triu_indices(active.size, 1)] = evaluation.drift.variances
    order = np.concatenate([active, np.flatnonzero(values == 0)])
    return AlignedLayer(
        axes=aligned.input_axes[:, order],
        singular_values=values[active],
        variances=variances + variances.T,
        hessian_min=evaluation.minimum.hessian_min,
        blocks=_pair_blocks(problem, found, order, active.size),
        validity=evaluation.validity,
        warnings=evaluation.warnings,
    )


def _pair_blocks(
    problem: LearningProblem, found: NetworkAxes, order: NDArray[np.intp], rank: int
) -> PairBlocks:
    row, axes = found.at(order[:rank], np.newaxis), found.at(order)
    residual = found.residual[order]
    gamma = np.asarray(problem.weight_decay)
    first, second, coupling, noise_il, noise_li, shared = _pair_block(*row, *axes, residual, gamma)
    # Direction u_ba needs an output b.
    partner = order < len(problem.teacher)
    hessian = np.zeros((rank, len(order), 2, 2))
    hessian[..., 0, 0], hessian[..., 1, 1] = first, np.where(partner, second, first)
    hessian[..., 0, 1] = hessian[..., 1, 0] = -coupling
    noise = np.zeros_like(hessian)
    noise[..., 0, 0], noise[..., 1, 1] = noise_il, noise_li
    noise[..., 0, 1] = noise[..., 1, 0] = shared
    directions = np.zeros_like(hessian)
    directions[..., 0, 0], directions[..., 1, 1] = 1.0, partner
    # u_aa is one direction.
    places, own = np.arange(rank), found.at(order[:rank])
    for blocks in (hessian, noise, directions):
        blocks[places, places] = 0.0
    curvature = _own_curvature(*own, gamma)
    hessian[places, places, 0, 0] = hessian[places, places, 1, 1] = curvature
    noise[places, places, 0, 0] = _own_fluctuation(*own, gamma)[1]
    directions[places, places, 0, 0] = 1.0
    return PairBlocks(
        hessian=hessian,
        noise=noise / problem.batch,
        directions=directions,
        unreached=float(_unreached_curvature(gamma)),
        silent=np.stack(_silent_curvature(found.slack[order], gamma), axis=1),
        partner=partner,
    )
