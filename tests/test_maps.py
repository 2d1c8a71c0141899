"""Operators on learned maps: the theory of any task without its weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from symdrift.algebra.equations import solve_operator
from symdrift.evaluation import dense
from symdrift.inputs import Elliptical
from symdrift.study.problem import LearningProblem
from symdrift.theory.examples import Examples, turned
from symdrift.theory.linear.maps import MapDrift, elliptical_noise
from symdrift.theory.linear.points import ChosenMinimum

Array = NDArray[np.float64]


def numbers(matrix: sp.MatrixBase) -> Array:
    return np.array(matrix.tolist(), dtype=float)


def three_planes() -> ChosenMinimum:
    """Three learned directions of a teacher that shares no axis with its inputs."""
    third, half, fifth = (sp.Rational(1, k) for k in (3, 2, 5))
    return ChosenMinimum(
        left=turned(3, 0, 1, third) * turned(3, 1, 2, half),
        right=turned(3, 0, 2, half) * turned(3, 0, 1, fifth),
        singular_values=(sp.Rational(9, 4), sp.Integer(1), sp.Rational(1, 4)),
        input_covariance=sp.ImmutableMatrix(
            [[2, half, third], [half, 1, fifth], [third, fifth, sp.Rational(3, 4)]]
        ),
        weight_decay=sp.Rational(1, 4),
        unlearned_slope=sp.ImmutableMatrix(sp.zeros(3, 3)),
        label_noise=(third, fifth, sp.Integer(0)),
    )


def problem_of(minimum: ChosenMinimum, kurtosis: float, rate: float) -> LearningProblem:
    return LearningProblem(
        study="exact",
        hidden=minimum.rank,
        inputs=Elliptical(numbers(minimum.input_covariance), kurtosis),
        teacher=numbers(minimum.teacher),
        label_noise=np.array([float(value) for value in minimum.label_noise]),
        learning_rate=rate,
        weight_decay=float(minimum.weight_decay),
        batch=1,
        synaptic_noise=0.0,
        stimuli=(),
    )


def signs_of(minimum: ChosenMinimum) -> Array:
    """Signs that bring the right axes into the frame of the dense road."""
    right = numbers(minimum.right)
    return np.array([np.sign(axis[np.argmax(np.abs(axis))]) for axis in right.T])


@pytest.mark.parametrize("name", ["rectangular", "left_out", "three planes"])
def test_exact_rotation_statistics_are_those_of_the_dense_road(name: str) -> None:
    """The dense road finds the minimum by itself, from the teacher that was constructed."""
    examples = Examples()
    minimum = three_planes() if name == "three planes" else getattr(examples, name)
    drift = MapDrift(minimum, elliptical_noise(minimum, sp.Rational(1, 2)))
    rate = 1e-3
    found = dense.evaluate(problem_of(minimum, 0.5, rate)).drift
    signs = signs_of(minimum)
    planes = [(i - 1, j - 1) for i, j in found.planes]
    flips = np.array([signs[i] * signs[j] for i, j in planes])
    covariance = np.array([[float(drift.covariance(k, q)) for q in planes] for k in planes])
    mean = np.array([float(drift.mean(k)) for k in planes])
    assert found.covariance == pytest.approx(
        rate**3 * covariance * np.outer(flips, flips), rel=1e-10, abs=1e-10 * rate**3
    )
    assert found.mean_rotation == pytest.approx(rate**2 * mean * flips, rel=1e-10)


def test_planes_of_a_misaligned_task_are_correlated() -> None:
    minimum = three_planes()
    drift = MapDrift(minimum, elliptical_noise(minimum, sp.Integer(0)))
    assert drift.covariance((0, 1), (0, 2)) == drift.covariance((0, 2), (0, 1)) != 0


def test_direct_sum_over_lags_of_the_discrete_process_tends_to_the_covariance() -> None:
    """Rotations of the process with finite steps, correlated over all lags, no expansion.

    With ``n' = A n - eta z`` and ``A = 1 - eta H`` the rotation of a step is quadratic in
    independent Gaussian ``n`` and ``z``; its correlations at all lags are geometric sums.
    """
    minimum = Examples().rectangular
    drift = MapDrift(minimum, elliptical_noise(minimum, sp.Integer(0)))
    metric = float(minimum.metric((0, 1)))
    exact = float(drift.covariance((0, 1), (0, 1)))
    steady = float(drift.mean((0, 1)))
    basis, _ = np.linalg.qr(numbers(minimum.reach))
    reach = numbers(minimum.reach)
    lifted = np.linalg.pinv(reach)
    hessian = basis.T @ reach @ numbers(minimum.curvature) @ lifted @ basis
    noise = basis.T @ reach @ numbers(drift.noise) @ reach.T @ basis
    turn = basis.T @ numbers(minimum.network.rotation(0, 1)) @ basis
    size = len(hessian)

    def rates(eta: float) -> tuple[float, float]:
        step = np.eye(size) - eta * hessian
        gamma = np.linalg.solve(
            np.eye(size**2) - np.kron(step, step), eta**2 * noise.ravel()
        ).reshape(size, size)
        pull = eta * (hessian @ turn - turn @ hessian) / 2
        summed = np.linalg.solve(np.eye(size**2) - np.kron(step.T, step.T), pull.ravel())
        later = summed.reshape(size, size)
        variance = eta**2 * np.trace(turn.T @ noise @ turn @ gamma)
        variance += 2 * np.trace(pull @ gamma @ pull @ gamma)
        # n after the step is A n - eta z; the pull of all later steps is its quadratic form.
        variance += 4 * np.trace(pull @ gamma @ step.T @ later @ step @ gamma)
        variance -= 4 * eta**2 * np.trace(turn.T @ noise @ later @ step @ gamma)
        mean = np.trace(pull @ gamma)
        return variance / metric**2, mean / metric

    deviations = []
    for eta in (2e-3, 1e-3):
        variance, mean = rates(eta)
        assert mean == pytest.approx(eta**2 * steady, rel=20 * eta)
        deviations.append(variance / (eta**3 * exact) - 1)
    assert abs(deviations[1]) < 0.02
    assert deviations[0] / deviations[1] == pytest.approx(2, rel=0.05)


def test_an_operator_equation_is_solved_exactly() -> None:
    left = sp.Matrix([[2, 1], [0, 3]])
    right = sp.Matrix([[1, sp.Rational(1, 2), 0], [0, 5, 1], [1, 0, 2]])
    source = sp.Matrix(2, 3, [1, 2, 3, 4, 5, 6])
    found = solve_operator(left, right, source)
    assert left * found + found * right == source


def test_label_noise_of_a_silent_output_reaches_nothing_else() -> None:
    """Noise of one output alone leaves the rows of the others without it."""
    minimum = Examples().rectangular
    quiet = replace(minimum, label_noise=(sp.Integer(0), sp.Integer(0)))
    added = elliptical_noise(minimum, sp.Integer(0)) - elliptical_noise(quiet, sp.Integer(0))
    inputs = minimum.network.inputs
    assert added[:inputs, inputs:].is_zero_matrix
    assert added[:inputs, :inputs] == minimum.label_noise[0] * minimum.input_covariance
