"""The stationary random process that hidden representations follow after training.

``h_t = Q_t (W* + N_t) x``: ``N_t`` is the first-layer part of the fluctuation around the
manifold, an Ornstein-Uhlenbeck process, and ``Q_t`` a Brownian rotation with a drift.
Everything is of leading order in the learning rate, at every lag; `expected_error` has what the
next order makes of it.  Rotations need not be small.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError, require_known
from symdrift.evaluation.any_rule.rule_result import RuleValidity
from symdrift.evaluation.closed_form import applies
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.lyapunov import (
    NormalFluctuation,
    gradient_fluctuation,
    silent_fluctuation,
    synaptic_fluctuation,
)
from symdrift.evaluation.dense.matrix_road import STANDSTILL, dense_warnings
from symdrift.evaluation.dense.rotation_covariance import (
    decay_matrix,
    hidden_drift,
    mean_rotation_matrix,
)
from symdrift.evaluation.dense.sizes import reached_dimension, require_stimulus_memory
from symdrift.evaluation.dense.stability import dense_validity
from symdrift.evaluation.evaluate import validity
from symdrift.evaluation.next_order.corrected import general_two_times, two_time_products
from symdrift.evaluation.next_order.cost import LONGEST, QUICK
from symdrift.evaluation.next_order.two_times import Polynomial, TwoTimes
from symdrift.evaluation.parts import APPROXIMATIONS, REPRESENTATION_TOLERANCE
from symdrift.evaluation.synapses import synaptic_decay, synaptic_warnings, with_synaptic_noise
from symdrift.evaluation.units import Units, natural_units
from symdrift.evaluation.validity import Validity
from symdrift.observables.aligned_layer import aligned_layer
from symdrift.observables.layer import (
    FORGOTTEN,
    Fluctuation,
    LayerFluctuation,
    Modal,
    ModeFluctuation,
)
from symdrift.observables.rotations import (
    LARGEST_SQUARE,
    Conjugation,
    CorrelatedPlanes,
    IndependentPlanes,
    SilentAxes,
    extended_decay,
)
from symdrift.observables.semigroup import Semigroup
from symdrift.progress import Progress
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, LearningProblem, Stimulus

LARGEST_DENSE = 64
"""Directions up to which full matrices, then as fast, are used where axes are shared, too."""

SHORTEST = 0.1
"""Shortest lag that is looked at unasked, in units of the fastest relaxation time."""

NOTHING = 1e-15
"""Share of the largest variance, beside that of any stimulus, that is rounding."""

EVERY = 24
"""Lags among which the largest of a curve of the fluctuation is looked for."""


@dataclass(frozen=True, eq=False)
class NextProducts:
    """What the next order adds to ``E[h_t . h_(t+tau)]`` beside its turning and fading.

    Attributes
    ----------
    problem : LearningProblem
    without : frozenset of str
        Stimuli of which it says nothing: their products are of leading order.
    """

    problem: LearningProblem
    without: frozenset[str] = frozenset()
    _known: dict[bytes, Array] = field(default_factory=dict, repr=False)

    def matrices(self, lags: Array, longest: float = LONGEST) -> Array:
        """Of ``x' F x``, shape ``(T, n, n)``; they are kept for other stimuli.

        Raises
        ------
        RequestError
            When it would take longer than so many seconds, as foreseen.
        """
        asked = lags.tobytes()
        if asked not in self._known:
            self._known[asked] = two_time_products(self.problem, lags, longest)
        return self._known[asked]

    def of(self, stimulus: Stimulus, lags: Array) -> tuple[float, Array]:
        """At lag 0, and at the lags, shape ``(T,)``; otherwise as `matrices`."""
        # Of many inputs a stimulus often shows few.
        seen = np.flatnonzero(stimulus.vector)
        x = stimulus.vector[seen]
        matrices = self.matrices(np.append(0.0, lags))[:, seen[:, np.newaxis], seen]
        products = matrices @ x @ x
        return float(products[0]), products[1:]

    def forgotten_direction(self, stimulus: Stimulus, lags: Array) -> Array | None:
        """What ``E[u_t . u_(t+tau)]`` of ``u = h / |h|`` loses more up to a lag, shape ``(T,)``.

        None where it takes too long, as foreseen: that axes are shared is no help.
        """
        if self._general is None:
            return None
        return self._forgotten(self._general, self._general.direction(stimulus.vector), lags)

    def forgotten_gram(self, lags: Array) -> Array | None:
        """The same of ``sum_ab E[(G_t)_ab (G_t+tau)_ab]``, of the problem's stimuli."""
        if self._general is None:
            return None
        inputs = self.problem.teacher.shape[1]
        vectors = np.array([item.vector for item in self.problem.stimuli]).reshape(-1, inputs)
        # Of many stimuli as many combinations as there are inputs, with the same sum of squares.
        function = self._general.gram(np.asarray(np.linalg.qr(vectors, mode="r")))
        return self._forgotten(self._general, function, lags) / self._units.maps**2

    def _forgotten(self, general: TwoTimes, function: Polynomial, lags: Array) -> Array:
        rate = self.problem.learning_rate / self._units.curvature
        start, *later = general.of(function, rate * np.append(0.0, lags))
        return np.asarray(rate**2 * (start - np.array(later)))

    @cached_property
    def _units(self) -> Units:
        return natural_units(self.problem.teacher, self.problem.input_covariance)

    @cached_property
    def _general(self) -> TwoTimes | None:
        try:
            return general_two_times(self.problem, QUICK)
        except RequestError:
            return None


@dataclass(frozen=True, eq=False)
class DriftProcess:
    """Rotation and fluctuation of the hidden layer, in the canonical frame.

    Its ``d`` hidden axes are the ``r`` active ones and, with synaptic noise, which moves
    representations there too, the silent ones: ``d = p``.

    Attributes
    ----------
    problem : LearningProblem or Learner
    first_layer : Array
        ``W*``, or the mean at the next order, shape ``(d, n)``; of other rules the activity of the
        hidden layer for each input axis.
    planes : CorrelatedPlanes, IndependentPlanes or None
        Covariance of the rotation per step, by plane; None with more than
        `symdrift.observables.rotations.LARGEST_SQUARE` active axes in correlated planes.
    decay : Array
        ``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(d, d)``, per step.
    turning : Array
        Mean rotation ``sum mu_k Omega_k``, shape ``(d, d)``, per step.
    fluctuation : Fluctuation
        Of the first layer.
    validity : Validity or RuleValidity
    warnings : tuple of str
    later : NextProducts or None
        The next order of the fluctuation and of its correlation with rotations.
    shift : Array or None
        What of the first layer is of the next order, shape ``(d, n)``; None at leading order.
    layer : str or None
        Name of the hidden layer, where there are several.
    """

    problem: LearningProblem | Learner
    first_layer: Array
    planes: CorrelatedPlanes | IndependentPlanes | None
    decay: Array
    turning: Array
    fluctuation: Fluctuation
    validity: Validity | RuleValidity
    warnings: tuple[str, ...]
    later: NextProducts | None = None
    shift: Array | None = None
    layer: str | None = None

    @property
    def rates(self) -> Array:
        """Relaxation rates ``eta h`` of the fluctuation, real parts, shape ``(k,)``, per step."""
        return np.real(self.fluctuation.rates)

    @property
    def every_lag(self) -> Array:
        """Lags from before the fastest relaxation to after the slowest, shape ``(T,)``.

        What is largest at any lag is looked for among them, so that it is a number of the process
        and not of the lags that somebody asks for.
        """
        return np.geomspace(SHORTEST / self.rates.max(), FORGOTTEN / self.rates.min(), EVERY)

    @property
    def units(self) -> int:
        """Hidden units ``p``, or as many axes as the layer turns in."""
        own = self.problem.hidden if isinstance(self.problem, LearningProblem) else 0
        return max(own, len(self.decay))

    @property
    def generator(self) -> Array:
        """``L`` of ``E[Q_tau] = exp(tau L)``, shape ``(d, d)``, per step."""
        return self.turning - self.decay

    @cached_property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """Of the generator, those of the silent axes, which are all alike, once; per step."""
        active = int(np.count_nonzero(self.first_layer.any(axis=1)))
        silent = np.diagonal(self.generator)[active : active + 1]
        return np.append(np.linalg.eigvals(self.generator[:active, :active]), silent).astype(
            np.complex128
        )

    @cached_property
    def steady(self) -> Semigroup:
        """Steady rotation alone, ``exp(tau mu)``."""
        return Semigroup(self.turning)

    @cached_property
    def rotation(self) -> Semigroup:
        """``E[Q_tau]``."""
        return Semigroup(self.generator)

    @cached_property
    def conjugation(self) -> Conjugation:
        """``E[Q_tau B Q_tau']``.

        Raises
        ------
        ValueError
            Without the covariance of rotations by plane.
        """
        if self.planes is None:
            raise ValueError(f"second moments of rotations in {len(self.decay)} axes are too large")
        if isinstance(self.planes, IndependentPlanes):
            return self.planes.conjugation()
        return self.planes.conjugation(self.generator)

    def representation(self, stimulus: Stimulus) -> Array:
        """``w = W x``, shape ``(d,)``; exactly 0 where it is 0 up to rounding."""
        return _represented(self.first_layer, stimulus)

    def relaxation(self, stimulus: Stimulus) -> tuple[Modal, Modal]:
        """As `Fluctuation.relaxation`; exactly 0 where nothing fluctuates up to rounding."""
        rates, weights = self.fluctuation.relaxation(stimulus.vector)
        little = float(np.abs(weights).sum()) <= self._rounding(stimulus)
        return rates, np.zeros_like(weights) if little else weights

    def following(self, stimulus: Stimulus, lags: Array) -> tuple[float, Array]:
        """What the next order adds at lag 0 and at the lags, shape ``(T,)``, likewise."""
        if self.later is None or stimulus.name in self.later.without or not self.total_variance:
            return 0.0, np.zeros(len(lags))
        start, products = self.later.of(stimulus, lags)
        known = np.append(start, products)
        known = np.where(np.abs(known) <= self._rounding(stimulus), 0.0, known)
        return float(known[0]), known[1:]

    def _rounding(self, stimulus: Stimulus) -> float:
        """Variance of a stimulus that is rounding beside the largest of one of its length."""
        return NOTHING * self.total_variance * float(stimulus.vector @ stimulus.vector)

    @cached_property
    def total_variance(self) -> float:
        """``tr E[N N']``."""
        return float(np.trace(self.fluctuation.second_moment(np.eye(self.first_layer.shape[1]))))

    def squared_activity(self, stimulus: Stimulus) -> float:
        """``E|h|^2``: the squared mean and the variance, each to the order of the process."""
        mean = self.representation(stimulus)
        variance = self.relaxation(stimulus)[1].sum().real
        more, _ = self.following(stimulus, np.zeros(0))
        return float(mean @ mean + variance + more)

    def minimum_representation(self, stimulus: Stimulus) -> Array:
        """``w = W* x``, likewise, also where the process has the next order."""
        shift = 0.0 if self.shift is None else self.shift
        return _represented(self.first_layer - shift, stimulus)

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


def _represented(layer: Array, stimulus: Stimulus) -> Array:
    representation = layer @ stimulus.vector
    largest = np.abs(layer).max() * np.abs(stimulus.vector).max()
    if np.abs(representation).max() < REPRESENTATION_TOLERANCE * largest:
        return np.zeros_like(representation)
    return np.asarray(representation)


def drift_process(
    problem: LearningProblem, approximation: str = "exact", progress: Progress | None = None
) -> DriftProcess:
    """Solve for everything that the observables are made of.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time.
    progress : callable, optional
        Called with the number of finished planes and of all, where full matrices are used.

    Raises
    ------
    RequestError
        When the approximation is unknown, the learning rate is unstable, or the problem is
        outside the theory.
    """
    require_known("approximation", approximation, APPROXIMATIONS)
    outputs, inputs = problem.teacher.shape
    quiet = replace(problem, synaptic_noise=0.0)
    most = reached_dimension(inputs, outputs, min(problem.hidden, inputs, outputs))
    if most > LARGEST_DENSE and applies(quiet) is None:
        return aligned_process(problem, approximation)
    minimum = minimum_of(problem)
    require_stimulus_memory(inputs, outputs, minimum.rank)
    fluctuation = gradient_fluctuation(problem, minimum)
    # Where the closed form applies its critical rate takes no time.
    closed = applies(problem) is None
    limits = validity(problem) if closed else dense_validity(problem, minimum, fluctuation)
    values, warnings = minimum.singular_values, dense_warnings(problem, minimum, limits)
    silent = SilentAxes(0, np.zeros((minimum.rank,) * 2))
    sources: Fluctuation = _modes(fluctuation, problem)
    if problem.synaptic_noise > 0:
        turned = np.diag(problem.synaptic_noise / (2 * values))
        silent = SilentAxes(problem.hidden - minimum.rank, turned)
        sources = LayerFluctuation(
            active=(sources, _modes(synaptic_fluctuation(problem, minimum), problem)),
            silent=_modes(silent_fluctuation(problem, minimum), problem),
            silent_axes=silent.count,
        )
    rate = problem.learning_rate
    turning = mean_rotation_matrix(minimum.point, fluctuation, rate)
    planes = None
    if minimum.rank <= LARGEST_SQUARE:
        drift = hidden_drift(minimum.point, fluctuation, rate, approximation, progress)
        if problem.synaptic_noise > 0:
            drift = with_synaptic_noise(drift, values, minimum.rank, problem.synaptic_noise)
        planes = CorrelatedPlanes(drift, silent)
        decay = planes.decay
    else:
        active = decay_matrix(minimum.point, fluctuation, rate, approximation, progress)
        if problem.synaptic_noise > 0:
            active[np.diag_indices(minimum.rank)] += synaptic_decay(
                values, minimum.rank, problem.synaptic_noise
            )
        decay = extended_decay(active, silent)
    if minimum.rank > 1 and not decay.any():
        warnings += (STANDSTILL,)
    return DriftProcess(
        problem=problem,
        first_layer=np.pad(minimum.first_layer, [(0, silent.count), (0, 0)]),
        planes=planes,
        decay=decay,
        turning=np.pad(turning, (0, silent.count)),
        fluctuation=sources,
        validity=limits,
        warnings=warnings,
    )


def aligned_process(problem: LearningProblem, approximation: str = "exact") -> DriftProcess:
    """The same from the closed form, which holds hundreds of hidden axes.

    Raises
    ------
    RequestError
        When the closed form does not apply or the problem is outside the theory.
    """
    layer = aligned_layer(problem, approximation)
    values, rate = layer.singular_values, problem.learning_rate
    rank, noise = len(values), problem.synaptic_noise
    variances, warnings = layer.variances, layer.warnings
    silent = SilentAxes(0, np.zeros((rank, rank)))
    fluctuation: Fluctuation = layer.gradient_fluctuation(rate)
    if noise > 0:
        warnings += synaptic_warnings(problem, layer.hessian_min, float(values[-1]))
        direct = noise / (2 * (values[:, np.newaxis] + values))
        variances = variances + direct - np.diag(np.diagonal(direct))
        silent = SilentAxes(problem.hidden - rank, np.diag(noise / (2 * values)))
        fluctuation = LayerFluctuation(
            active=(fluctuation, layer.synaptic_fluctuation(noise, rate)),
            silent=layer.silent_fluctuation(noise, rate),
            silent_axes=silent.count,
        )
    planes = IndependentPlanes(variances, silent)
    return DriftProcess(
        problem=problem,
        first_layer=np.pad(layer.first_layer, [(0, silent.count), (0, 0)]),
        planes=planes,
        decay=planes.decay,
        turning=np.zeros_like(planes.decay),
        fluctuation=fluctuation,
        validity=layer.validity if noise == 0 else validity(problem),
        warnings=warnings,
    )


def _modes(source: NormalFluctuation, problem: LearningProblem) -> ModeFluctuation:
    """First-layer part of a fluctuation of hidden units."""
    outputs, inputs = problem.teacher.shape
    modes = source.basis.reshape(-1, inputs + outputs, len(source.stiffness))
    return ModeFluctuation(
        rates=problem.learning_rate * source.stiffness,
        modes=modes[:, :inputs],
        covariance=source.covariance,
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


def expected_rotation(process: DriftProcess, lags: Array) -> Array:
    """``E[Q_tau] = exp(tau L)``, shape ``(T, d, d)``."""
    identity = np.eye(len(process.decay))
    return identity + process.rotation.change(identity, lags)


def conjugation_change(process: DriftProcess, matrix: Array, lags: Array) -> Array:
    """``E[Q_tau B Q_tau'] - B`` of a symmetric matrix ``B``, exact at every lag.

    ``B_tau = E[Q_tau B Q_tau']`` obeys ``dB/dtau = L B + B L' + sum V_kq Omega_k B Omega_q'``,
    the generator of ``Q (x) Q``, here on the ``q = r (r + 1) / 2`` dimensional symmetric
    square of the active axes and one number for all silent ones.  The trace is conserved.
    With correlated planes it costs one eigendecomposition of order ``q`` for each process
    (``q^3`` operations, a minute at the limit `LARGEST_SQUARE`) and ``q^2`` for each matrix
    and lag; with independent planes ``r^3`` and ``r^2``.

    Parameters
    ----------
    process : DriftProcess
    matrix : Array
        ``B``, shape ``(d, d)``, symmetric; between silent axes a multiple of the identity, and
        0 between silent and active ones.
    lags : Array
        Shape ``(T,)``.

    Returns
    -------
    Array
        Shape ``(T, d, d)``.

    Raises
    ------
    ValueError
        With correlated planes beyond `LARGEST_SQUARE` active axes.
    """
    return process.conjugation.change(matrix, lags)
