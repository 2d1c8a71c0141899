"""Exact stationary means of the first two orders of the perturbation series.

`perturbation_series` runs ``n_1`` and ``n_2`` beside a network.  They obey

    ``n_1' = (1 - eta H) n_1 - eta g``
    ``n_2' = (1 - eta H) n_2 - eta [D n_1 + T(n_1, n_1) / 2]``

with the gradient ``g`` of a sample at the minimum, what its curvature ``D`` deviates from the
Hessian ``H`` by, and the third derivative ``T`` of the expected loss.  That is a closed system:
the moments of ``n_1`` up to the third and ``E[n_1 n_2']`` are solutions of linear equations,
entry by entry in the eigenbasis of ``H``, at any learning rate and without an expansion in it.

Rotations are sums over time.  For these, functions ``F_1`` (quadratic) and ``F_2`` (cubic) are
solved for that make martingale differences of the increments ``D_1`` and ``D_2`` of ``S_1 + F_1``
and ``S_2 + F_2``, where ``S_1`` and ``S_2`` are the first orders of the rotation; long-time
covariances are then averages over one step, and these are sums over the nodes of the inputs.

Nothing here is taken from `evaluation.next_order`, nor does it know the terms that make up most
of the next order, those of second order on either side (``D_2 D_2``, ``D_1 D_3``, ``n_2 n_2``,
``n_1 n_3``): they are left to the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.dense.coordinates import joined
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.dense.operator import hessian_matrix
from symdrift.evaluation.parts import moving_planes
from symdrift.simulation.setup import padded_layers, rows_of_stimuli, simulated_hidden
from symdrift.study.problem import Array, LearningProblem

NODES_AT_A_TIME = 256

NOISE_POINTS = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
NOISE_WEIGHTS = np.array([1.0, 4.0, 1.0]) / 6.0
"""Gauss points of a normal number: exact up to its fifth power."""

REACHED = 1e-9
"""Largest Hessian eigenvalue times this tells directions along the orbit from others."""


@dataclass(frozen=True, eq=False)
class PerturbationMeans:
    """Means per step of what the first two orders contribute.

    Attributes
    ----------
    excess_loss, weight_variance : float
        Of ``n_1`` alone and of its product with ``n_2``.
    mean_rotation : Array
        Of ``S_1`` and of ``S_2``, rad/step, shape ``(2, planes)``.
    covariance : Array
        Of ``S_1 S_1'`` and of ``S_1 S_2' + S_2 S_1'``, rad^2/step, shape ``(2, planes, planes)``.
    displacement : Array
        Of ``|d_1|^2 + 2 d_1 . d_2`` for what the representation of each stimulus moves in the lag,
        shape ``(stimuli,)``.
    """

    excess_loss: float
    weight_variance: float
    mean_rotation: Array
    covariance: Array
    displacement: Array


@dataclass(frozen=True, eq=False)
class _Minimum:
    """Derivatives of the loss at the minimum, in ``d`` normal coordinates of ``N`` weights.

    Attributes
    ----------
    point : Array
        ``[W*, U*']``, silent units included, shape ``(p, n + m)``.
    generators : Array
        ``Omega``, shape ``(planes, p, p)``.
    normal : Array
        Eigenvectors of the Hessian across the orbit, shape ``(N, d)``.
    curvatures : Array
        Their eigenvalues, shape ``(d,)``.
    third : Array
        ``T``, its first index among all weights, shape ``(N, d, d)``.
    lengths : Array
        ``|Omega_A theta*|^2``, shape ``(planes,)``.
    turned : Array
        ``<Omega_A e_x, e_y> / |Omega_A theta*|^2`` for weights ``x, y``, ``(planes, N, N)``.
    carried : Array
        ``<Omega_A theta*, Omega_B e_c> / |Omega_A theta*|^2``, ``(planes, planes, d)``.
    """

    point: Array
    generators: Array
    normal: Array
    curvatures: Array
    third: Array
    lengths: Array
    turned: Array
    carried: Array


@dataclass(frozen=True, eq=False)
class _Moments:
    """Stationary moments at one learning rate; coordinates and indices are normal ones.

    Attributes
    ----------
    rate : float
        ``eta``.
    keep : Array
        ``1 - eta h``, shape ``(d,)``.
    noise : Array
        ``E[g g']``, shape ``(d, d)``.
    variance, third_moment : Array
        ``E[n_1 n_1']`` and ``E[n_1 n_1 n_1]``.
    crossed : Array
        ``E[n_1 n_2']``.
    mean : Array
        ``E[n_2]``; that of ``n_1`` is zero.
    skewness : Array
        ``E[g g g]``.
    """

    rate: float
    keep: Array
    noise: Array
    skewness: Array
    variance: Array
    third_moment: Array
    crossed: Array
    mean: Array


@dataclass(frozen=True, eq=False)
class _Potentials:
    """What makes rotations martingales: coefficients of ``F_1`` and ``F_2``, one set per plane.

    ``F_1 = n_1' P n_1`` and ``F_2 = 2 n_2' P n_1 + alpha(n_1, n_1, n_1) + lambda . n_1``.

    Attributes
    ----------
    inner : Array
        ``M``: rotations in a step begin with ``eta n_1' M (H n_1 + g)``, shape ``(planes, d, d)``.
    bent : Array
        The same with its second index among all weights, shape ``(planes, d, N)``.
    drift : Array
        ``eta M H``, shape ``(planes, d, d)``.
    quadratic, cubic, linear : Array
        ``P``, ``alpha``, ``lambda``, shapes ``(planes, d, d)``, ``(planes, d, d, d)``,
        ``(planes, d)``.
    """

    inner: Array
    bent: Array
    drift: Array
    quadratic: Array
    cubic: Array
    linear: Array


def perturbation_means(
    problem: LearningProblem, minimum: MinimumPoint, lag: int
) -> PerturbationMeans:
    """Means of the first two orders, for one sample per step; displacements in ``lag`` steps.

    Synaptic noise belongs to the second order, and of what is averaged here it only turns.
    """
    eta, at = problem.learning_rate, _at(problem, minimum)
    third = np.einsum("xa,xbc->abc", at.normal, at.third)
    moments = _moments(problem, minimum, at, third)
    potentials = _potentials(problem, minimum, at, third, moments)
    turning = 0.5 * np.einsum("kab,ab->k", potentials.drift, moments.variance)
    turning += 0.5 * np.einsum("kab,ba->k", potentials.drift, moments.variance)
    return PerturbationMeans(
        excess_loss=float(
            0.5 * at.curvatures @ np.diagonal(moments.variance)
            + at.curvatures @ np.diagonal(moments.crossed)
            + np.sum(third * moments.third_moment) / 6.0
        ),
        weight_variance=float(np.trace(moments.variance) + 2.0 * np.trace(moments.crossed)),
        mean_rotation=np.array(
            [turning, -(eta**3) * np.einsum("kabc,abc->k", potentials.cubic, moments.skewness)]
        ),
        covariance=_long_time_covariance(problem, minimum, at, third, moments, potentials),
        displacement=_displacement(
            rows_of_stimuli(problem), at, third, moments, potentials.drift, lag
        ),
    )


def _moments(
    problem: LearningProblem, minimum: MinimumPoint, at: _Minimum, third: Array
) -> _Moments:
    """``Gamma = (1 - eta H) Gamma (1 - eta H) + eta^2 E[g g']``, and so on for the others."""
    eta = problem.learning_rate
    noise, skewness = _sample_moments(problem, minimum, at)
    keep = 1.0 - eta * at.curvatures
    pairs = 1.0 - np.multiply.outer(keep, keep)
    variance = eta**2 * noise / pairs
    cubed = -(eta**3) * skewness / _triples(keep)
    crossed = np.einsum("a,acd,bcd->ab", keep, cubed, third, optimize=True)
    return _Moments(
        rate=eta,
        keep=keep,
        noise=noise,
        skewness=skewness,
        variance=variance,
        third_moment=cubed,
        crossed=-0.5 * eta * crossed / pairs,
        mean=-0.5 * eta * np.einsum("abc,bc->a", third, variance) / (1.0 - keep),
    )


def _triples(keep: Array) -> Array:
    """What a step takes from a third moment: ``1 - a_i a_j a_k``."""
    return np.asarray(1.0 - np.multiply.outer(np.multiply.outer(keep, keep), keep))


def _potentials(
    problem: LearningProblem,
    minimum: MinimumPoint,
    at: _Minimum,
    third: Array,
    moments: _Moments,
) -> _Potentials:
    """Solve ``E[F'] - F`` against the mean rotation of a step, power by power.

    As no sample knows its hidden basis, ``<Omega theta, gradient> = 0`` at every point: what turns
    in a step is ``eta <Omega n, gradient>`` over ``|Omega theta*|^2``, and of second order also
    ``- <Omega_A theta*, Xi_1 n_1'>``, since ``e^-Xi`` acts on ``n_1'`` as well.
    """
    eta, keep, noise = problem.learning_rate, moments.keep, moments.noise
    bent = at.normal.T @ at.turned
    inner = bent @ at.normal
    drift = eta * inner * at.curvatures
    pairs = 1.0 - np.multiply.outer(keep, keep)
    quadratic = 0.5 * (drift + drift.swapaxes(1, 2)) / pairs
    cubic = 0.5 * eta * np.einsum("kax,xbc->kabc", bent, at.third, optimize=True)
    cubic -= np.einsum("lab,klc->kabc", drift, at.carried * keep)
    # n_2' begins with - eta T(n_1, n_1) / 2.
    cubic -= eta * np.einsum("kad,abc->kbcd", quadratic * keep, third, optimize=True)
    cubic = _symmetrised(cubic) / _triples(keep)
    linear = 3.0 * eta**2 * np.einsum("kabc,a,bc->ka", cubic, keep, noise, optimize=True)
    linear += eta**2 * np.einsum("lab,bc,klc->ka", inner, noise, at.carried, optimize=True)
    for shares, gradients, curvatures in _samples(problem, minimum, at):
        pulled = 2.0 * np.einsum("kab,sb->ska", quadratic, gradients @ at.normal)
        within = at.normal.T @ curvatures
        linear += eta**2 * np.einsum("s,sab,ska->kb", shares, within, pulled, optimize=True)
    return _Potentials(
        inner=inner,
        bent=bent,
        drift=drift,
        quadratic=quadratic,
        cubic=cubic,
        linear=linear / (1.0 - keep),
    )


def _long_time_covariance(
    problem: LearningProblem,
    minimum: MinimumPoint,
    at: _Minimum,
    third: Array,
    moments: _Moments,
    potentials: _Potentials,
) -> Array:
    """``E[D_1 D_1']`` and ``E[D_1 D_2' + D_2 D_1']`` of one step, sample by sample.

    With a sample's coefficients ``f``, ``q``, ``Y``, ``Z``, ``w`` the increments are
    ``D_1 = n_1 . f + q`` and ``D_2 = n_2 . f + Y(n_1, n_1) + Z . n_1 + w``, but for their means.
    Of ``w`` only what is linear in the gradient is kept: the rest is two orders higher.
    """
    eta, keep, means = problem.learning_rate, moments.keep, moments
    inner, drift, quadratic = potentials.inner, potentials.drift, potentials.quadratic
    linear = eta * inner - 2.0 * eta * keep[:, np.newaxis] * quadratic
    spread = eta**2 * np.einsum("kab,ab->k", quadratic, moments.noise)
    leading, crossed = np.zeros((2, len(inner), len(inner)))
    for shares, gradients, curvatures in _samples(problem, minimum, at):
        normal, within = gradients @ at.normal, at.normal.T @ curvatures
        pulled = 2.0 * np.einsum("kab,sb->ska", quadratic, normal)
        moved = np.einsum("kab,sb->ska", inner, normal)
        shifted = np.einsum("klc,sc->skl", at.carried, normal)
        bowed = 3.0 * np.einsum("kabc,sc->skab", potentials.cubic, normal, optimize=True)
        # f and q.
        forced = np.einsum("kab,sb->ska", linear, normal)
        squared = 0.5 * eta**2 * np.einsum("sa,ska->sk", normal, pulled) - spread
        # Y: of Xi_2, of 2 n_2' P n_1 and of alpha.
        twice = eta * np.einsum("kax,sxb->skab", potentials.bent, curvatures, optimize=True)
        twice -= eta * np.einsum("sla,klb->skab", moved, at.carried * keep, optimize=True)
        twice += eta * np.einsum("lab,skl->skab", drift, shifted, optimize=True)
        twice -= 2.0 * eta * np.einsum("sab,kac->skbc", within, quadratic * keep, optimize=True)
        twice += 0.5 * eta**2 * np.einsum("abc,ska->skbc", third, pulled, optimize=True)
        twice -= eta * keep[:, np.newaxis] * bowed * keep
        # Z: of the same three.
        once = eta**2 * np.einsum("sla,skl->ska", moved, shifted, optimize=True)
        once += eta**2 * np.einsum("sab,ska->skb", within, pulled, optimize=True)
        once += eta**2 * keep * np.einsum("skab,sb->ska", bowed, normal, optimize=True)

        carried = forced @ means.variance
        leading += np.einsum("s,ska,sla->kl", shares, carried, forced, optimize=True)
        leading += (shares[:, np.newaxis] * squared).T @ squared
        found = np.einsum("ska,sla->skl", forced @ means.crossed, forced, optimize=True)
        found += np.einsum("ska,abc,slbc->skl", forced, means.third_moment, twice, optimize=True)
        found += np.einsum("ska,sla->skl", carried, once, optimize=True)
        alone = forced @ means.mean - eta * normal @ potentials.linear.T
        alone += np.einsum("ab,skab->sk", means.variance, twice, optimize=True)
        found += squared[:, :, np.newaxis] * alone[:, np.newaxis, :]
        crossed += np.einsum("s,skl->kl", shares, found)
    shaken = np.diag(problem.synaptic_noise / at.lengths)
    return np.array([leading + shaken, crossed + crossed.T])


def _displacement(
    stimuli: Array, at: _Minimum, third: Array, moments: _Moments, drift: Array, lag: int
) -> Array:
    """``E[|d_1|^2 + 2 d_1 . d_2]`` of each stimulus, from moments at two times.

    Within the lag ``d_2`` has what ``S_1`` turns the representation by.
    """
    keep, cubed = moments.keep, moments.third_moment
    kept = keep**lag
    double = np.multiply.outer(keep, keep)
    # Sums over the steps k < lag: of a^(lag - k), of (b c)^k, of a^(lag - 1 - k) (b c)^k.
    recent = keep * (1.0 - kept) / (1.0 - keep)
    early = (1.0 - double**lag) / (1.0 - double)
    apart = keep[:, np.newaxis, np.newaxis] - double
    both = (kept[:, np.newaxis, np.newaxis] - double**lag) / np.where(apart == 0, 1.0, apart)
    both = np.where(apart == 0, lag * keep[:, np.newaxis, np.newaxis] ** (lag - 1), both)

    # n_1 with n_1, n_2 and the rotation, at the end less at the start, both ways.
    first = moments.variance * (2.0 - kept - kept[:, np.newaxis])
    later = moments.crossed * kept
    later -= 0.5 * moments.rate * np.einsum("bcd,bcd,acd->ab", both, third, cubed, optimize=True)
    second = moments.crossed * (2.0 - kept[:, np.newaxis]) - later
    turned = np.einsum("kbc,abc->ka", drift, cubed, optimize=True) * recent
    turned -= np.einsum("kbc,abc->ka", drift * early, cubed, optimize=True)

    inputs = stimuli.shape[1]
    layers = at.normal.T.reshape(len(keep), len(at.point), -1)[:, :, :inputs]
    seen = np.einsum("aij,sj->sia", layers, stimuli)
    moved = np.einsum("kij,jl,sl->sik", at.generators, at.point[:, :inputs], stimuli)
    found = np.einsum("sia,ab,sib->s", seen, first + 2.0 * second, seen, optimize=True)
    return np.asarray(found + 2.0 * np.einsum("sia,sik,ka->s", seen, moved, turned, optimize=True))


def _symmetrised(forms: Array) -> Array:
    """Mean over the orders of the last three indices."""
    orders = ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))
    return np.asarray(sum(forms.transpose(0, *order) for order in orders) / 6.0)


def _at(problem: LearningProblem, minimum: MinimumPoint) -> _Minimum:
    first, second = padded_layers(minimum, simulated_hidden(problem, minimum))
    hidden, inputs = first.shape
    covariance = problem.input_covariance
    point = joined(first, second)
    hessian = hessian_matrix(point, problem.teacher, covariance, problem.weight_decay)
    values, vectors = np.linalg.eigh(hessian)
    across = values > REACHED * values[-1]
    normal = vectors[:, across]
    weights = np.eye(point.size).reshape(-1, *point.shape)
    directions = normal.T.reshape(-1, *point.shape)

    # T(a, b) in the layers: twice differentiated U'(U W - A) Sigma and (U W - A) Sigma W'.
    a, b = directions[:, :, :inputs], directions[:, :, inputs:].swapaxes(1, 2)
    once = (b @ first + second @ a) @ covariance
    crossed = np.einsum("aoi,bij->aboj", b, a) @ covariance
    twice = crossed + crossed.swapaxes(0, 1)
    inner = np.einsum("aoi,boj->abij", b, once)
    outer = np.einsum("aoj,bij->aboi", once, a)
    bent = np.concatenate(
        [
            inner + inner.swapaxes(0, 1) + np.einsum("oi,aboj->abij", second, twice),
            (outer + outer.swapaxes(0, 1) + twice @ first.T).swapaxes(2, 3),
        ],
        axis=3,
    )
    third = bent.reshape(*bent.shape[:2], -1).transpose(2, 0, 1)

    # A point [W, U'] turns into Omega [W, U'], for both layers alike.
    generators = _generators(minimum.rank, hidden)
    along = (generators @ point).reshape(len(generators), -1)
    lengths = np.sum(along**2, axis=1)
    turned = np.einsum("kij,xja->kxia", generators, weights)
    turned = turned.reshape(len(generators), point.size, -1) / lengths[:, None, None]
    moved = np.einsum("kij,cja->kcia", generators, directions)
    moved = moved.reshape(len(generators), len(directions), -1)
    return _Minimum(
        point=point,
        generators=generators,
        normal=normal,
        curvatures=values[across],
        third=third,
        lengths=lengths,
        turned=turned,
        carried=np.einsum("kx,lcx->klc", along / lengths[:, np.newaxis], moved),
    )


def _generators(rank: int, hidden: int) -> Array:
    """``Omega_ij``, which turns axis ``j`` towards ``i``, for each plane that moves weights."""
    planes = np.array(moving_planes(rank, hidden), dtype=int).reshape(-1, 2) - 1
    found = np.zeros((len(planes), hidden, hidden))
    found[range(len(planes)), planes[:, 0], planes[:, 1]] = 1.0
    found[range(len(planes)), planes[:, 1], planes[:, 0]] = -1.0
    return found


def _samples(
    problem: LearningProblem, minimum: MinimumPoint, at: _Minimum
) -> Iterator[tuple[Array, Array, Array]]:
    """Nodes of the samples, some at a time: shares ``(s,)``, ``g`` ``(s, N)``, ``D`` ``(s, N, d)``.

    Averages over them are those over samples up to the moments that are needed.
    """
    first, second = padded_layers(minimum, simulated_hidden(problem, minimum))
    hidden, inputs = first.shape
    directions = at.normal.T.reshape(-1, hidden, inputs + len(second))
    a, b = directions[:, :, :inputs], directions[:, :, inputs:].swapaxes(1, 2)
    once = b @ first + second @ a
    hessian = at.normal * at.curvatures
    points, shares = problem.inputs.nodes()
    noise, likely = _noise_nodes(problem.label_noise)
    x = np.repeat(points, len(noise), axis=0)
    labels = x @ problem.teacher.T + np.tile(noise, (len(points), 1))
    shares = np.repeat(shares, len(noise)) * np.tile(likely, len(points))
    decay = problem.weight_decay
    still = decay * joined(first, second).reshape(-1)
    for begin in range(0, len(x), NODES_AT_A_TIME):
        block = slice(begin, begin + NODES_AT_A_TIME)
        given = x[block]
        h = given @ first.T
        error = h @ second.T - labels[block]
        back = error @ second
        gradient = np.concatenate(
            [
                np.einsum("si,sj->sij", back, given),
                np.einsum("so,si->sio", error, h),
            ],
            axis=2,
        ).reshape(len(given), -1)
        changed = np.einsum("aoj,sj->sao", once, given)
        seen = np.einsum("aij,sj->sai", a, given)
        returned = np.einsum("aoi,so->sai", b, error) + changed @ second
        curvature = np.concatenate(
            [
                np.einsum("sai,sj->saij", returned, given),
                np.einsum("sao,si->saio", changed, h) + np.einsum("so,sai->saio", error, seen),
            ],
            axis=3,
        ).reshape(len(given), len(directions), -1)
        yield (
            shares[block],
            gradient + still,
            curvature.swapaxes(1, 2) + decay * at.normal - hessian,
        )


def sample_node_count(problem: LearningProblem) -> int:
    """Nodes that averages over samples are sums over, known before they are made."""
    noisy = int(np.count_nonzero(problem.label_noise))
    return problem.inputs.node_count * int(len(NOISE_POINTS) ** noisy)


def _noise_nodes(variances: Array) -> tuple[Array, Array]:
    """Gauss points along each output that is noisy."""
    noisy = np.flatnonzero(variances)
    count = len(noisy)
    choices = np.indices((3,) * count).reshape(count, 3**count).T
    nodes = np.zeros((len(choices), len(variances)))
    nodes[:, noisy] = NOISE_POINTS[choices] * np.sqrt(variances[noisy])
    return nodes, np.prod(NOISE_WEIGHTS[choices], axis=1)


def _sample_moments(
    problem: LearningProblem, minimum: MinimumPoint, at: _Minimum
) -> tuple[Array, Array]:
    """Second and third moment of the gradient in normal coordinates."""
    size = len(at.curvatures)
    second, third = np.zeros((size, size)), np.zeros((size, size, size))
    for shares, gradients, _ in _samples(problem, minimum, at):
        normal = gradients @ at.normal
        second += (shares * normal.T) @ normal
        pairs = np.einsum("s,sa,sb->sab", shares, normal, normal)
        third += np.tensordot(pairs, normal, axes=(0, 0))
    return second, third
