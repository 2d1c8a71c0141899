"""The first layer of aligned Gaussian problems: weights fluctuate in pairs, planes turn alone.

In the axes that teacher and inputs share the directions ``u_ab`` and ``u_ba`` of the normal space
couple to each other only, with the blocks ``H_ab`` and ``C_ab``.  Nothing larger than the first
layer is held, which leaves room for hundreds of hidden axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symdrift.closed_form import Alignment, align, evaluate_stimuli, kernels
from symdrift.errors import RequestError
from symdrift.observables.fluctuations import GramFluctuation, covariance_root
from symdrift.problem import Array, LearningProblem


@dataclass(frozen=True, eq=False)
class PairFluctuation:
    """Fluctuation in which weight ``N_ab`` of hidden axis ``a`` goes with ``N_ba`` only.

    Attributes
    ----------
    input_axes : Array
        As columns, shape ``(n, n)``, the first ``r`` in the order of the hidden axes.
    pair_rates : Array
        Two rates of each weight, shape ``(r, n, 2)``, per step.
    own : Array
        ``E[N_ab(tau) N_ab(0)] = sum_k own_abk exp(-rates_abk tau)``, shape ``(r, n, 2)``.
    swapped : Array
        ``E[N_ab(tau) N_ba(0)]`` likewise, shape ``(r, r, 2)``; 0 for ``a = b``.
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
        products = np.outer(turned[:rank], turned[:rank])
        lost = np.empty((len(lags), rank, rank))
        seen = turned != 0
        rates, own = self.pair_rates[:, seen], self.own[:, seen]
        places = np.arange(rank)
        for place, lag in enumerate(lags):
            gone = -np.expm1(-lag * self.pair_rates[:, :rank])
            lost[place] = np.sum(self.swapped * gone, axis=2) * products
            gone = np.sum(own * -np.expm1(-lag * rates), axis=2)
            lost[place, places, places] = gone @ turned[seen] ** 2
        return lost

    def second_moment(self, moment: Array) -> Array:
        """``E[N S N']_ac``: own weights on the diagonal, ``S_ca E[N_ac N_ca]`` beside it."""
        rank = len(self.own)
        turned = self.input_axes.T @ moment @ self.input_axes
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
    """First layer of an aligned problem in the canonical frame.

    Attributes
    ----------
    first_layer : Array
        ``W*``, shape ``(r, n)``.
    variances : Array
        ``V_ij`` of each plane, shape ``(r, r)``, per step.
    fluctuation : PairFluctuation
    warnings : tuple of str
    """

    first_layer: Array
    variances: Array
    fluctuation: PairFluctuation
    warnings: tuple[str, ...]


def aligned_layer(problem: LearningProblem, approximation: str = "exact") -> AlignedLayer:
    """Minimum, rotation and fluctuation of the first layer from the closed form.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}

    Raises
    ------
    RequestError
        When the problem is not aligned, or as `symdrift.closed_form.evaluate_stimuli`.
    """
    aligned = align(problem)
    if isinstance(aligned, str):
        raise RequestError("study", f"has no closed form: {aligned}")
    evaluation = evaluate_stimuli(problem, approximation)
    outputs, inputs = problem.teacher.shape
    minimum_arguments = {
        "covariance": aligned.input_variances,
        "weight_decay": problem.weight_decay,
        "gains": aligned.gains,
        "inputs": inputs,
        "outputs": outputs,
        "hidden": problem.hidden,
    }
    tensor = (
        kernels.diffusion_tensor
        if approximation == "exact"
        else kernels.diffusion_tensor_white_noise
    )(
        **minimum_arguments,
        learning_rate=problem.learning_rate,
        label_noise=aligned.label_noise,
        batch=problem.batch,
    )
    values = kernels.singular_values(**minimum_arguments)[:inputs]
    order = np.lexsort((np.arange(inputs), -np.pad(values, (0, inputs - len(values)))))
    rank = evaluation.minimum.rank
    active = order[:rank]
    axes = aligned.input_axes[:, order]
    return AlignedLayer(
        first_layer=np.sqrt(values[active])[:, np.newaxis] * axes[:, :rank].T,
        variances=2 * tensor[np.ix_(active, active)],
        fluctuation=_pair_fluctuation(problem, aligned, order, values[active]),
        warnings=evaluation.warnings,
    )


def _pair_fluctuation(
    problem: LearningProblem, aligned: Alignment, order: NDArray[np.intp], values: Array
) -> PairFluctuation:
    """Solve ``H Gamma + Gamma H = eta C`` on the block of every ``u_ab`` and ``u_ba``.

    ``H_ab = [[(s_a + s_b) lambda_b + gamma, -kappa], [-kappa, (s_a + s_b) lambda_a + gamma]]`` with
    ``kappa = gamma`` for an active ``b`` and ``lambda_b a_b`` otherwise, and
    ``C_ab = (s_a + s_b) (lambda_a lambda_b [[E_a^2, E_a E_b], [E_a E_b, E_b^2]]
    + diag(sigma_a^2 lambda_b, sigma_b^2 lambda_a))``.
    """
    outputs, inputs = problem.teacher.shape
    rank, gamma, rate = len(values), problem.weight_decay, problem.learning_rate
    variances = aligned.input_variances[order]
    gains = np.pad(aligned.gains, (0, inputs - aligned.gains.size))[order]
    size = max(inputs, outputs)
    label_noise = np.pad(aligned.label_noise, (0, size - outputs))[:inputs][order]
    singular = np.pad(values, (0, inputs - rank))
    residual = gains - singular
    # Direction u_ba needs an output b.
    partner = order < outputs

    row = (slice(rank), np.newaxis)
    sums = singular[row] + singular
    coupling = np.where(np.arange(inputs) < rank, gamma, variances * gains)
    hessian = np.zeros((rank, inputs, 2, 2))
    hessian[..., 0, 0] = sums * variances + gamma
    hessian[..., 1, 1] = np.where(partner, sums * variances[row] + gamma, hessian[..., 0, 0])
    hessian[..., 0, 1] = hessian[..., 1, 0] = np.where(partner, -coupling, 0.0)
    both = variances[row] * variances
    noise = np.zeros_like(hessian)
    noise[..., 0, 0] = both * residual[row] ** 2 + label_noise[row] * variances
    noise[..., 1, 1] = partner * (both * residual**2 + label_noise * variances[row])
    noise[..., 0, 1] = noise[..., 1, 0] = partner * both * residual[row] * residual
    noise *= (sums / problem.batch)[..., np.newaxis, np.newaxis]
    places = np.arange(rank)
    # u_aa is one direction: u_ab and u_ba in one, with E[x^4] - E[x^2]^2 = 2 lambda^2.
    hessian[places, places] = (
        2
        * values[:, np.newaxis, np.newaxis]
        * (variances[:rank, np.newaxis, np.newaxis] * np.eye(2))
    )
    noise[places, places] = 0.0
    noise[places, places, 0, 0] = (
        2 * values * (2 * residual[:rank] ** 2 * variances[:rank] + label_noise[:rank])
    ) * (variances[:rank] / problem.batch)

    stiffness, axes = np.linalg.eigh(hessian)
    covariance = axes.swapaxes(2, 3) @ noise @ axes
    covariance *= rate / (stiffness[..., :, np.newaxis] + stiffness[..., np.newaxis, :])
    lasting = covariance @ axes.swapaxes(2, 3)
    # Component of u_ab on the first-layer weight.
    shares = np.sqrt(singular[row] / sums)
    own = axes[..., 0, :] * lasting[..., 0] * shares[..., np.newaxis] ** 2
    swapped = axes[..., 0, :] * lasting[..., 1]
    swapped = swapped[:, :rank] * (shares[:, :rank] * shares[:, :rank].T)[..., np.newaxis]
    swapped[places, places] = 0.0
    return PairFluctuation(aligned.input_axes[:, order], rate * stiffness, own, swapped)
