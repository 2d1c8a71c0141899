"""Displacements to the next order in the learning rate, against a road without rotations."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from simulation_cases import problem
from test_next_order import SMALL, point_of

from symdrift.evaluation.next_order.corrected import two_time_products
from symdrift.evaluation.next_order.expansion import expand, samples_of, two_times
from symdrift.evaluation.next_order.one_step import update_forms
from symdrift.evaluation.next_order.two_times import first_difference, second_difference
from symdrift.observables import (
    autocorrelation,
    drift_process,
    mean_squared_displacement,
    with_next_order,
    with_two_times,
)
from symdrift.study.problem import Array, LearningProblem

LAGS = np.array([0.0, 0.1, 1.0, 4.0])


def forms_of_all_weights(given: LearningProblem, axes: Array) -> tuple[list[Array], Array]:
    """Taylor series of every sample's update along some axes, and the weights of the samples."""
    expansion, samples = expand(given, point_of(given)), samples_of(given)
    forms = update_forms(expansion.slice_.rule, point_of(given), axes, samples, 3)
    return [np.moveaxis(form, 1, -1) @ axes for form in forms], samples.weights


class Moments(NamedTuple):
    """Of all weights ``z`` at two times, in powers of ``epsilon``; the later ones first.

    Attributes
    ----------
    layer : Array
        What each coordinate changes in ``W``, shape ``(weights, p, n)``.
    start, kept : Array
        ``<z z>`` and ``<z z_0>`` at leading order.
    moved : Array
        ``<(z - z_0)(z - z_0)>`` at the next.
    thirds : tuple of Array
        ``<z z z>``, ``<z z z_0>``, ``<z z_0 z_0>`` and ``<z_0 z_0 z_0>``.
    """

    layer: Array
    start: Array
    kept: Array
    moved: Array
    thirds: tuple[Array, Array, Array, Array]


def moments_of_all_weights(given: LearningProblem, lags: Array) -> list[Moments]:
    """At lags ``eta t``, from equations of motion in one frame.

    Nothing is called a rotation, a turn is a change of weights along the orbit.  Only where
    weights begin is taken from the expansion.
    """
    expansion, point = expand(given, point_of(given)), point_of(given)
    normal, stationary = expansion.slice_.normal, expansion.stationary
    axes = np.linalg.svd(normal)[0]
    size, across = len(axes), normal.shape[1]
    axes[:, :across] = normal
    forms, weights = forms_of_all_weights(given, axes)
    means = [np.tensordot(weights, form, 1) for form in forms]
    # Results last: to the front.
    _, response, bend, cubic = (np.moveaxis(mean, -1, 0) for mean in means)

    def covariance(left: Array, right: Array, product: str) -> Array:
        """Mean over batches of a product of two fields, whose shape begins with the sample's."""
        first, second = (np.tensordot(weights, field, 1) for field in (left, right))
        own, _, result = product.partition("->")
        here, there = own.split(",")
        together = np.einsum(f"z,z{here},z{there}->{result}", weights, left, right, optimize=True)
        share = 1 / given.batch
        return np.asarray(
            share * together + (1 - share) * np.einsum(product, first, second, optimize=True)
        )

    noise = covariance(forms[0], forms[0], "i,j->ij")
    forced = covariance(forms[0], forms[1], "i,lj->ijl")
    bent = covariance(forms[0], forms[2], "i,abj->ijab")
    squared = covariance(forms[1], forms[1], "ai,bj->ijab")
    cubed = np.einsum("z,zi,zj,zk->ijk", weights, *[forms[0]] * 3, optimize=True) / given.batch**2
    start, mean, third, more = (
        np.pad(moment, [(0, size - across)] * moment.ndim)
        for moment in (
            stationary.covariance, stationary.mean, stationary.third, stationary.second
        )
    )  # fmt: skip
    shapes = [(size,), (size, size), (size, size), *[(size,) * 3] * 3]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    traced = np.einsum("kab,ab->k", bend, start)
    discrete = response @ start + start @ response.T + noise

    def change(lag: float, state: Array) -> Array:
        """Of ``<z>``, ``<z z>``, ``<z z_0>``, ``<z z z>``, ``<z z z_0>`` and ``<z z_0 z_0>``."""
        first, second, crossed, thirds, remembered, begun = (
            part.reshape(shape) for part, shape in zip(np.split(state, ends), shapes, strict=True)
        )
        kept = expm(response * lag) @ start

        def driven(other: Array, moment: Array, level: Array) -> Array:
            """Of ``<z_i z_j u_k>``, what ``z_j`` is driven by, for ``u`` linear in all that is."""
            return np.asarray(
                np.einsum("jl,ilk->ijk", response, moment)
                + np.einsum("j,ik->ijk", traced, other)
                + 2 * np.einsum("jab,ai,bk->ijk", bend, start, other, optimize=True)
                + np.einsum("ijl,lk->ijk", forced, other)
                + 0.5 * np.einsum("ij,k->ijk", noise, level)
            )

        one = driven(kept, remembered, mean)
        # Each of three coordinates is driven, with each of the others beside it.
        own = np.einsum("kl,ijl->ijk", response, thirds)
        own += np.einsum("ij,k->ijk", start, traced) + np.einsum("ij,k->ijk", noise, first)
        own += 2 * np.einsum("kab,ai,bj->ijk", bend, start, start, optimize=True)
        pairs = np.einsum("ijl,lk->ijk", forced, start)
        own += pairs + pairs.swapaxes(0, 1)
        products = (
            response @ second
            + np.einsum("iab,abj->ij", bend, thirds)
            + 3 * np.einsum("iabc,ab,cj->ij", cubic, start, start, optimize=True)
            + np.einsum("ijl,l->ij", forced, first)
            + np.einsum("ijab,ab->ij", bent, start)
            - 0.5 * response @ discrete
        )
        parts = (
            response @ first + traced,
            products + products.T + np.einsum("ijab,ab->ij", squared, start),
            response @ crossed
            + np.einsum("iab,abk->ik", bend, remembered)
            + 3 * np.einsum("iabc,ab,ck->ik", cubic, start, kept, optimize=True)
            - 0.5 * response @ response @ kept,
            own + own.transpose(0, 2, 1) + own.transpose(2, 1, 0) + cubed,
            one + one.swapaxes(0, 1),
            np.einsum("il,ljk->ijk", response, begun)
            + np.einsum("i,jk->ijk", traced, start)
            + 2 * np.einsum("iab,aj,bk->ijk", bend, kept, kept, optimize=True),
        )
        return np.concatenate([part.ravel() for part in parts])

    state = np.concatenate([part.ravel() for part in (mean, more, more, third, third, third)])
    found = solve_ivp(
        change, (0, lags[-1]), state, t_eval=lags, method="DOP853", rtol=1e-8, atol=1e-10
    )
    layer = axes[: point[0].size].T.reshape(-1, *point[0].shape)
    moments = []
    for lag, values in zip(lags, found.y.T, strict=True):
        _, second, crossed, same, later, earlier = (
            part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)
        )
        moved = second + more - crossed - crossed.T
        kept = expm(response * lag) @ start
        moments.append(Moments(layer, start, kept, moved, (same, later, earlier, third)))
    return moments


def squared_displacement(given: LearningProblem, lags: Array) -> Array:
    """``E[(W_t - W_0)'(W_t - W_0)]`` at ``eta^2``, shape ``(T, n, n)``."""
    return np.array([
        np.einsum("iru,ij,jrv->uv", at.layer, at.moved, at.layer, optimize=True)
        for at in moments_of_all_weights(given, lags)
    ])  # fmt: skip


def squared_change(
    given: LearningProblem, stimuli: Array, forms: list[Array], lags: Array
) -> Array:
    """``E|f - f_0|^2`` at ``eta^2`` of a function of representations, shape ``(T,)``.

    Its first three derivatives are by the representations of all stimuli, result first.
    """
    found = []
    for at in moments_of_all_weights(given, lags):
        axes = np.einsum("irn,an->ari", at.layer, stimuli).reshape(forms[0].shape[1], -1)
        first = forms[0] @ axes
        second = 0.5 * np.einsum("quv,ua,vb->qab", forms[1], axes, axes, optimize=True)
        averaged = 0.5 * np.einsum(
            "quvw,ua,ab,vb,wc->qc", forms[2], axes, at.start, axes, axes, optimize=True
        )
        start, kept = at.start, at.kept
        same, later, earlier, before = at.thirds
        thirds = same - later - earlier.transpose(1, 2, 0) + before
        pairs = np.einsum("ac,bd->abcd", start, start) - np.einsum("ac,bd->abcd", kept, kept)
        found.append(
            np.sum((first.T @ first) * at.moved)
            + 2 * np.einsum("qi,qab,abi->", first, second, thirds, optimize=True)
            + 4 * np.einsum("qab,qcd,abcd->", second, second, pairs, optimize=True)
            + 2 * np.sum((averaged.T @ first) * (2 * start - kept - kept.T))
        )
    return np.array(found)


@pytest.mark.parametrize("name", ["misaligned", "batch", "bottleneck", "elliptical", "stimuli"])
def test_displacement_is_that_of_weights_in_one_frame(name: str) -> None:
    """At every lag, rotation and all that goes with it included."""
    given = SMALL[name]
    turning, layer = expand(given, point_of(given)), point_of(given)[0]
    steady = np.tensordot(turning.rotation.mean[0], turning.slice_.generators, 1)
    fading = layer.T @ turning.rotation.decay[0] @ layer
    products = two_times(given, point_of(given))(LAGS)
    found = 2 * (products[0] - products)
    for moved, lag in zip(found, LAGS, strict=True):
        moved += 2 * lag * fading - lag**2 * layer.T @ steady @ steady @ layer
    np.testing.assert_allclose(found, squared_displacement(given, LAGS), atol=1e-7)


def derivatives(values: list[sympy.Expr], symbols: list[sympy.Symbol], at: Array) -> list[Array]:
    """Of first, second and third order, result first."""
    found, forms = sympy.Array(values), []
    for order in range(1, 4):
        # The new derivative comes first.
        found = sympy.derive_by_array(found, symbols)
        numbers = sympy.lambdify(symbols, found.tolist())(*at)
        forms.append(np.moveaxis(np.array(numbers, dtype=float), order, 0))
    return forms


@pytest.mark.parametrize("name", ["misaligned", "batch", "bottleneck", "elliptical", "stimuli"])
def test_angle_is_that_of_weights_in_one_frame(name: str) -> None:
    """Directions are no polynomials: with their first three derivatives."""
    given = SMALL[name]
    turning, (layer, _) = expand(given, point_of(given)), point_of(given)
    steady = np.tensordot(turning.rotation.mean[0], turning.slice_.generators, 1)
    x = np.array([0.7, -0.4, 0.9])[: layer.shape[1]]
    still = layer @ x
    symbols = list(sympy.symbols(f"v:{len(still)}"))
    length = sympy.sqrt(sum(symbol**2 for symbol in symbols))
    forms = derivatives([symbol / length for symbol in symbols], symbols, still)
    expected = squared_change(given, x[np.newaxis], forms, LAGS)
    memory = two_times(given, point_of(given))
    kept = memory.of(memory.direction(x), LAGS)
    unit = still / np.linalg.norm(still)
    found = 2 * (kept[0] - kept)
    found += 2 * LAGS * (unit @ turning.rotation.decay[0] @ unit)
    found -= LAGS**2 * (unit @ steady @ steady @ unit)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["misaligned", "batch", "bottleneck", "elliptical", "stimuli"])
def test_gram_matrix_changes_as_weights_in_one_frame_say(name: str) -> None:
    given = SMALL[name]
    layer, _ = point_of(given)
    stimuli = np.array([[0.7, -0.4, 0.9], [0.2, 1.1, -0.3]])[:, : layer.shape[1]]
    symbols = list(sympy.symbols(f"v:{2 * len(layer)}"))
    both = sympy.Matrix(2, len(layer), symbols)
    still = stimuli @ layer.T
    forms = derivatives(list(both * both.T), symbols, np.ravel(still))
    expected = squared_change(given, stimuli, forms, LAGS)
    memory = two_times(given, point_of(given))
    kept = memory.of(memory.gram(stimuli), LAGS)
    np.testing.assert_allclose(2 * (kept[0] - kept), expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("hidden", [4, 2])
def test_aligned_products_are_sums_over_small_networks(hidden: int) -> None:
    """Two axes beside each; turned inputs are another problem of full matrices."""
    given = problem(
        (2.0, 1.5, 1.0, 0.7), np.diag([1.1, 1.0, 0.9, 1.2]), weight_decay=0.3, hidden=hidden,
        learning_rate=0.01, label_noise=(0.2, 0.0, 0.1, 0.3),
    )  # fmt: skip
    lags = np.array([0.0, 30.0, 300.0])
    whole = two_times(given, point_of(given))(given.learning_rate * lags)
    np.testing.assert_allclose(
        two_time_products(given, lags), given.learning_rate**2 * whole, rtol=1e-9, atol=1e-15
    )


def test_units_change_products_as_they_change_squares_of_weights() -> None:
    given = SMALL["misaligned"]
    scaled = replace(
        given,
        inputs=given.inputs.scaled(9.0),
        teacher=5 / 3 * given.teacher,
        label_noise=25 * given.label_noise,
        weight_decay=15 * given.weight_decay,
        learning_rate=given.learning_rate / 15,
    )
    lags = np.array([0.0, 40.0, 900.0])
    np.testing.assert_allclose(
        two_time_products(scaled, lags), 5 / 3 * two_time_products(given, lags), rtol=1e-9
    )


@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-6, 1e-3, 0.09, 0.11, 3.0])
def test_divided_differences_have_all_digits(gap: float) -> None:
    """Of three relaxations, one driving the next: an entry of the exponential of a matrix."""
    rates, lag = np.array([1.0 + gap, 1.0, 1.0 + 0.4 * gap]), 1.3
    chain = expm(lag * (np.diag(-rates) + np.diag([1.0, 1.0], 1)))
    first, second, third = rates[:, np.newaxis]
    assert second_difference(first, second, third, lag)[0] == pytest.approx(chain[0, 2], rel=1e-12)
    assert first_difference(first, second, lag)[0] == pytest.approx(chain[0, 1], rel=1e-13)


def test_rates_that_meet_are_no_exception() -> None:
    """Where one curvature is the sum of two others sums of exponentials have vanishing divisors."""

    def products(variance: float) -> Array:
        given = problem((variance, variance, 0.7), weight_decay=0.3, learning_rate=0.01)
        return two_times(given, point_of(given))(LAGS)

    below, at, above = (products(1.0 + change) for change in (-1e-5, 0.0, 1e-5))
    np.testing.assert_allclose(0.5 * (below + above), at, rtol=1e-7, atol=1e-8)


def test_the_curves_carry_it_and_begin_at_one() -> None:
    """The parts are those of both orders, and a displacement is what the correlation lacks."""
    given = SMALL["misaligned"]
    lags = np.array([1.0, 100.0, 1e5])
    plain, error = with_next_order(drift_process(given), "exact")
    process, _ = with_two_times(plain, error)
    first, *later = two_time_products(given, np.append(0.0, lags))
    for stimulus in given.stimuli:
        x = stimulus.vector
        moved = mean_squared_displacement(process, stimulus, lags)
        kept = autocorrelation(process, stimulus, lags)
        before = mean_squared_displacement(plain, stimulus, lags)
        added = [2 * x @ (first - products) @ x for products in later]
        np.testing.assert_allclose(moved.total - before.total, added, rtol=1e-9)
        np.testing.assert_allclose(moved.total, 2 * (kept.variance - kept.total), rtol=1e-7)


def test_one_step_moves_a_representation_by_its_mean_square_gradient() -> None:
    """``eta^2 E|g_W x|^2`` over the stationary weights, with the next order of both."""
    given = SMALL["misaligned"]
    rate, point = 1e-4, point_of(given)
    given = replace(given, learning_rate=rate)
    expansion, stationary = expand(given, point), expand(given, point).stationary
    axes = expansion.slice_.normal
    samples = samples_of(given)
    forms = update_forms(expansion.slice_.rule, point, axes, samples, 2)
    layer = [form[:, : point[0].size] for form in forms]
    force, response, bend = (form.reshape(-1, *point[0].shape, *form.shape[2:]) for form in layer)

    def mean(product: str, *parts: Array) -> Array:
        return np.asarray(np.einsum(product, samples.weights, *parts, optimize=True))

    crossed = mean("z,zru,zrvi,i->uv", force, response, stationary.mean)
    crossed += mean("z,zru,zrvij,ij->uv", force, bend, stationary.covariance)
    later = crossed + crossed.T
    later += mean("z,zrui,zrvj,ij->uv", response, response, stationary.covariance)
    leading = mean("z,zru,zrv->uv", force, force)
    process = drift_process(given)
    first, step = two_time_products(given, np.array([0.0, 1.0]))
    for stimulus in given.stimuli:
        x = stimulus.vector
        moved = mean_squared_displacement(process, stimulus, np.array([1.0])).total[0]
        found = (moved + 2 * x @ (first - step) @ x) / rate**2
        assert found / (x @ leading @ x) - 1 == pytest.approx(
            rate * (x @ later @ x) / (x @ leading @ x), rel=2e-3
        )
