"""The stationary random process that hidden representations follow after training.

``h_t = Q_t (W* + N_t) x``: ``N_t`` is the first-layer part of the fluctuation around the
manifold, an Ornstein-Uhlenbeck process, and ``Q_t`` a Brownian rotation with a drift.
Everything is of leading order in the learning rate: relative corrections are of order
``eta h_max``, at every lag.  Rotations need not be small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symdrift.dense.drift import angular_matrices, hidden_drift
from symdrift.dense.fluctuation import stationary_fluctuation
from symdrift.dense.hessian import hessian_matrix
from symdrift.dense.minimum import solve_minimum
from symdrift.dense.noise import gradient_noise, reachable_basis
from symdrift.errors import RequestError
from symdrift.evaluation import REPRESENTATION_TOLERANCE, Drift, validity_warnings
from symdrift.observables.rotations import conjugation_generator
from symdrift.observables.semigroup import Semigroup
from symdrift.problem import Array, LearningProblem, Stimulus
from symdrift.roads import APPROXIMATIONS


@dataclass(frozen=True, eq=False)
class DriftProcess:
    """Rotation and fluctuation of the hidden layer, in the canonical frame.

    Attributes
    ----------
    problem : LearningProblem
    first_layer : Array
        ``W*``, shape ``(r, n)``.
    drift : Drift
        Covariance and mean of the rotation per step, by plane.
    decay : Array
        ``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(r, r)``, per step.
    turning : Array
        Mean rotation ``sum mu_k Omega_k``, shape ``(r, r)``, per step.
    rates : Array
        Relaxation rates ``eta h`` of the fluctuation modes, shape ``(k,)``, per step.
    modes : Array
        What each mode changes in ``W``, shape ``(r, n, k)``.
    covariance : Array
        Stationary covariance ``Gamma`` of the modes, shape ``(k, k)``.
    warnings : tuple of str
    """

    problem: LearningProblem
    first_layer: Array
    drift: Drift
    decay: Array
    turning: Array
    rates: Array
    modes: Array
    covariance: Array
    warnings: tuple[str, ...]

    @property
    def generator(self) -> Array:
        """``L`` of ``E[Q_tau] = exp(tau L)``, shape ``(r, r)``, per step."""
        return self.turning - self.decay

    @cached_property
    def steady(self) -> Semigroup:
        """Steady rotation alone, ``exp(tau mu)``."""
        return Semigroup(self.turning)

    @cached_property
    def rotation(self) -> Semigroup:
        """``E[Q_tau]``."""
        return Semigroup(self.generator)

    @cached_property
    def conjugation(self) -> Semigroup:
        """``E[Q_tau B Q_tau']`` on symmetric matrices, in the basis of `symmetric_basis`."""
        return Semigroup(conjugation_generator(self.drift, self.generator))

    def representation(self, stimulus: Stimulus) -> Array:
        """``w = W* x``, shape ``(r,)``; exactly 0 where it is 0 up to rounding."""
        representation = self.first_layer @ stimulus.vector
        largest = np.abs(self.first_layer).max() * np.abs(stimulus.vector).max()
        if np.abs(representation).max() < REPRESENTATION_TOLERANCE * largest:
            return np.zeros_like(representation)
        return np.asarray(representation)

    def displacement_modes(self, stimulus: Stimulus) -> Array:
        """``P`` of ``N x = P n``: modes to representation, shape ``(r, k)``."""
        return np.asarray(np.einsum("rnk,n->rk", self.modes, stimulus.vector))

    def stimulus(self, name: str) -> Stimulus:
        """The stimulus of the problem with this name.

        Raises
        ------
        RequestError
            When there is none; the message lists the names.
        """
        for stimulus in self.problem.stimuli:
            if stimulus.name == name:
                return stimulus
        known = ", ".join(f'"{stimulus.name}"' for stimulus in self.problem.stimuli)
        raise RequestError("stimulus", f'= "{name}" is unknown; the study has {known}')


def drift_process(problem: LearningProblem, approximation: str = "exact") -> DriftProcess:
    """Solve for everything that the observables are made of.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time.

    Raises
    ------
    RequestError
        When the approximation is unknown, the learning rate is unstable, or the problem is
        outside the theory.
    """
    if approximation not in APPROXIMATIONS:
        allowed = ", ".join(APPROXIMATIONS)
        raise RequestError(
            "approximation", f'= "{approximation}" is unknown; allowed are {allowed}'
        )
    if problem.synaptic_noise != 0:
        raise RequestError(
            "learning.synaptic_noise",
            f"= {problem.synaptic_noise:g} is not covered by the observables and must be 0",
        )
    covariance = problem.input_covariance
    minimum = solve_minimum(problem.teacher, covariance, problem.weight_decay, problem.hidden)
    fluctuation = stationary_fluctuation(
        hessian_matrix(minimum.point, problem.teacher, covariance, problem.weight_decay),
        gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch),
        reachable_basis(minimum),
        problem.learning_rate,
    )
    drift = hidden_drift(minimum.point, fluctuation, problem.learning_rate, approximation)
    decay, turning = angular_matrices(drift, minimum.rank)
    outputs, inputs = problem.teacher.shape
    modes = fluctuation.basis.reshape(minimum.rank, inputs + outputs, -1)[:, :inputs]
    return DriftProcess(
        problem=problem,
        first_layer=minimum.first_layer,
        drift=drift,
        decay=decay,
        turning=turning,
        rates=problem.learning_rate * fluctuation.stiffness,
        modes=modes,
        covariance=fluctuation.covariance,
        warnings=validity_warnings(problem, minimum.certificate.hessian_max),
    )


def checked_lags(lags: Array) -> Array:
    """Time lags as an array, shape ``(T,)``, in SGD steps.

    Raises
    ------
    RequestError
        When they are not finite, not increasing, negative or none at all.
    """
    checked = np.array(lags, dtype=np.float64)
    if checked.ndim != 1 or not checked.size:
        raise RequestError("times", "must be a list of at least one number of SGD steps")
    if not np.all(np.isfinite(checked)) or checked[0] < 0:
        raise RequestError(
            "times", f"from {checked[0]:g} to {checked[-1]:g} must be finite and not negative"
        )
    if np.any(np.diff(checked) <= 0):
        place = int(np.argmax(np.diff(checked) <= 0))
        raise RequestError(
            "times",
            f"must increase, but {checked[place]:g} is followed by {checked[place + 1]:g}",
        )
    return checked
