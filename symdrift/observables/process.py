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
import scipy.linalg

from symdrift.dense.drift import decay_matrix, hidden_drift, mean_rotation_matrix
from symdrift.dense.fluctuation import (
    NormalFluctuation,
    gradient_fluctuation,
    synaptic_fluctuation,
)
from symdrift.dense.minimum import MinimumPoint, solve_minimum
from symdrift.dense.road import unseen_warnings
from symdrift.dense.sizes import require_stimulus_memory
from symdrift.errors import RequestError
from symdrift.evaluation import (
    REPRESENTATION_TOLERANCE,
    Drift,
    check_approximation,
    validity_warnings,
)
from symdrift.observables.rotations import (
    LARGEST_SQUARE,
    conjugation_generator,
    rotation_generator,
)
from symdrift.observables.semigroup import Semigroup
from symdrift.problem import Array, LearningProblem, Stimulus
from symdrift.synaptic import synaptic_decay, synaptic_warnings, with_synaptic_noise


@dataclass(frozen=True, eq=False)
class DriftProcess:
    """Rotation and fluctuation of the hidden layer, in the canonical frame.

    Its ``d`` hidden axes are the ``r`` active ones and, with synaptic noise, which moves
    representations there too, the silent ones: ``d = p``.

    Attributes
    ----------
    problem : LearningProblem
    first_layer : Array
        ``W*``, shape ``(d, n)``.
    drift : Drift or None
        Covariance and mean of the rotation per step, by plane; None with more than
        `symdrift.observables.rotations.LARGEST_SQUARE` hidden axes, where no observable uses
        it.
    decay : Array
        ``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(d, d)``, per step.
    turning : Array
        Mean rotation ``sum mu_k Omega_k``, shape ``(d, d)``, per step.
    rates : Array
        Relaxation rates ``eta h`` of the fluctuation modes, shape ``(k,)``, per step.
    modes : Array
        What each mode changes in ``W``, shape ``(d, n, k)``.
    covariance : Array
        Stationary covariance ``Gamma`` of the modes, shape ``(k, k)``.
    warnings : tuple of str
    """

    problem: LearningProblem
    first_layer: Array
    drift: Drift | None
    decay: Array
    turning: Array
    rates: Array
    modes: Array
    covariance: Array
    warnings: tuple[str, ...]

    @property
    def generator(self) -> Array:
        """``L`` of ``E[Q_tau] = exp(tau L)``, shape ``(d, d)``, per step."""
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
        """``E[Q_tau B Q_tau']`` on symmetric matrices, in the basis of `symmetric_basis`.

        Raises
        ------
        ValueError
            Beyond `symdrift.observables.rotations.LARGEST_SQUARE` hidden axes.
        """
        if self.drift is None:
            raise ValueError(f"second moments of rotations in {len(self.decay)} axes are too large")
        return Semigroup(conjugation_generator(self.drift, self.generator))

    def representation(self, stimulus: Stimulus) -> Array:
        """``w = W* x``, shape ``(d,)``; exactly 0 where it is 0 up to rounding."""
        representation = self.first_layer @ stimulus.vector
        largest = np.abs(self.first_layer).max() * np.abs(stimulus.vector).max()
        if np.abs(representation).max() < REPRESENTATION_TOLERANCE * largest:
            return np.zeros_like(representation)
        return np.asarray(representation)

    def displacement_modes(self, stimulus: Stimulus) -> Array:
        """``P`` of ``N x = P n``: modes to representation, shape ``(d, k)``."""
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
    check_approximation(approximation)
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    outputs, inputs = problem.teacher.shape
    require_stimulus_memory(inputs, outputs, minimum.rank)
    fluctuation = gradient_fluctuation(problem, minimum)
    axes = problem.hidden if problem.synaptic_noise > 0 else minimum.rank
    drift = None
    if axes <= LARGEST_SQUARE:
        drift = _drift(problem, minimum, fluctuation, approximation)
        decay, turning = rotation_generator(drift, axes)
    else:
        decay, turning = _rotation_generator(problem, minimum, fluctuation, approximation, axes)
    hessian_min, hessian_max = minimum.certificate.hessian_min, minimum.certificate.hessian_max
    warnings = validity_warnings(problem, hessian_max) + unseen_warnings(problem)
    sources = [fluctuation]
    if problem.synaptic_noise > 0:
        smallest_value = float(minimum.singular_values[-1])
        warnings += synaptic_warnings(problem, hessian_min, smallest_value)
        sources.append(synaptic_fluctuation(problem, minimum))
    modes = [
        _padded(source.basis.reshape(-1, inputs + outputs, len(source.stiffness)), axes)
        for source in sources
    ]
    return DriftProcess(
        problem=problem,
        first_layer=_padded(minimum.first_layer, axes),
        drift=drift,
        decay=decay,
        turning=turning,
        rates=problem.learning_rate * np.concatenate([source.stiffness for source in sources]),
        modes=np.concatenate(modes, axis=2)[:, :inputs],
        covariance=scipy.linalg.block_diag(*(source.covariance for source in sources)),
        warnings=warnings,
    )


def _drift(
    problem: LearningProblem,
    minimum: MinimumPoint,
    fluctuation: NormalFluctuation,
    approximation: str,
) -> Drift:
    """Rotations in every plane that moves the weights."""
    drift = hidden_drift(minimum.point, fluctuation, problem.learning_rate, approximation)
    if problem.synaptic_noise == 0:
        return drift
    return with_synaptic_noise(
        drift, minimum.singular_values, problem.hidden, problem.synaptic_noise
    )


def _rotation_generator(
    problem: LearningProblem,
    minimum: MinimumPoint,
    fluctuation: NormalFluctuation,
    approximation: str,
    axes: int,
) -> tuple[Array, Array]:
    """``Delta`` and mean rotation without the covariance between all planes.

    Rows and columns of silent axes are left at 0: no stimulus is represented there at first.
    """
    rate, rank = problem.learning_rate, minimum.rank
    decay, turning = np.zeros((2, axes, axes))
    decay[:rank, :rank] = decay_matrix(minimum.point, fluctuation, rate, approximation)
    turning[:rank, :rank] = mean_rotation_matrix(minimum.point, fluctuation, rate)
    if problem.synaptic_noise > 0:
        decay[np.diag_indices(rank)] += synaptic_decay(
            minimum.singular_values, problem.hidden, problem.synaptic_noise
        )
    return decay, turning


def _padded(rows: Array, count: int) -> Array:
    """Zeros appended along the first axis, for the silent hidden units."""
    padding = [(0, count - len(rows)), *((0, 0) for _ in rows.shape[1:])]
    return np.pad(rows, padding)


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
