"""What an evaluation consists of: its minimum, and its drift by plane and by stimulus.

Every rate is per SGD step.  The hidden axes are those of the canonical frame:
decreasing singular value, ties by input index; the sign of each right singular
vector makes its largest component positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.several_minima import StrictMinimum
from symdrift.inputs import input_record, read_only
from symdrift.records import DiagonalRows, Record, plain, written_names
from symdrift.study.problem import Array, LearningProblem, Stimulus

APPROXIMATIONS = ("exact", "white")

THRESHOLD_TOLERANCE = 1e-9
"""Relative distance below which a threshold or a tie counts as met with equality."""

DEGENERACY_TOLERANCE = 1e-10
"""Relative distance below which singular values count as equal."""

REPRESENTATION_TOLERANCE = 1e-12
"""Size of a representation, relative to those of layer and stimulus, that is rounding."""


@dataclass(frozen=True)
class Certificate(Record):
    """Evidence that a minimum found numerically is the global one, and strict.

    Attributes
    ----------
    gradient_norm : float
        Norm of the gradient that is left, relative to the norm of its terms.
    duality_gap : float or None
        Relative gap between the loss and its convex dual bound, which proves the global
        minimum; ``None`` where the hidden layer caps the rank and no dual bound exists.
    hessian_min, hessian_max : float
        Extreme Hessian eigenvalues on the normal space, silent units included.
    starts : int
        Starting points from which the loss was minimised.
    runner_up : float or None
        Relative distance in loss to the best different stationary point met from the
        other starts; ``None`` where there was none, and for another minimum than the lowest.
    """

    # The curvatures are those of the minimum, which has them too.
    unwritten = ("hessian_min", "hessian_max")

    gradient_norm: float
    duality_gap: float | None
    hessian_min: float
    hessian_max: float
    starts: int
    runner_up: float | None


@dataclass(frozen=True, eq=False)
class Minimum(Record):
    """The minimum-loss manifold.

    ``singular_values`` has shape ``(rank,)``, in decreasing order; ``loss`` is the
    expected loss on the manifold (label noise and weight decay included);
    ``hessian_min`` and ``hessian_max`` are the extreme Hessian eigenvalues on the
    normal space (all normal directions, those that noise never reaches included);
    ``certificate`` is the evidence of a numerical minimum, ``None`` for a derived formula;
    ``number`` is its place in the order of losses among the strict minima, of which ``others``
    has the lowest.
    """

    rank: int
    singular_values: Array
    loss: float
    hessian_min: float
    hessian_max: float
    certificate: Certificate | None = None
    number: int = 1
    others: tuple[StrictMinimum, ...] = ()

    def __post_init__(self) -> None:
        self.singular_values.setflags(write=False)

    def written(self) -> tuple[str, ...]:
        """A closed form has no certificate, and a minimum without others no number."""
        absent: tuple[str, ...] = () if self.certificate else ("certificate",)
        absent += () if self.others else ("number", "others")
        return tuple(name for name in super().written() if name not in absent)


@dataclass(frozen=True)
class Fluctuation(Record):
    """Stationary fluctuation in the normal space, leading order in the learning rate.

    ``weight_variance`` is ``tr(Gamma)``; ``excess_loss`` is ``tr(H Gamma) / 2``.
    """

    weight_variance: float
    excess_loss: float


@dataclass(frozen=True, eq=False)
class Drift(Record):
    """Rotation of the hidden layer per SGD step, leading order in the learning rate.

    ``planes`` holds pairs of hidden axes ``(i, j)``, ``i < j``, counted from 1, in
    lexicographic order: both axes active or, with synaptic noise, ``i`` active and ``j``
    silent; ``covariance`` is ``V``, shape ``(planes, planes)``, in rad^2/step;
    ``mean_rotation`` is ``mu``, shape ``(planes,)``, in rad/step, with
    ``Q_{t+1} = Q_t exp(xi Omega_ij)``, ``Omega_ij = E_ij - E_ji``.
    """

    behind = MappingProxyType({"diffusion": "covariance"})

    planes: tuple[tuple[int, int], ...]
    covariance: Array
    mean_rotation: Array

    def __post_init__(self) -> None:
        self.covariance.setflags(write=False)
        self.mean_rotation.setflags(write=False)

    @property
    def variances(self) -> Array:
        """Diagonal of ``V``, shape ``(planes,)``."""
        return np.diagonal(self.covariance)

    @property
    def diffusion(self) -> Array:
        """Diagonal of the diffusion tensor ``D = V / 2``, shape ``(planes,)``."""
        return 0.5 * self.variances

    @property
    def by_plane(self) -> dict[str, Array]:
        """What a record has of each plane, of ``V`` the diagonal."""
        return {
            name: self.variances if name == "covariance" else getattr(self, name)
            for name in written_names(Drift)
            if name != "planes"
        }


class IndependentDrift(Drift):
    """Drift whose planes rotate independently: ``V`` is diagonal and made when it is asked for.

    A record has its diagonal, and says so.

    Parameters
    ----------
    rank, hidden : int
        Active hidden axes, and those that they can turn into.
    variances : Array
        Diagonal of ``V``, shape ``(planes,)``, in rad^2/step.
    """

    behind = MappingProxyType({"diagonal": "covariance", "diffusion": "diagonal"})
    diagonal: ClassVar[bool] = True

    def __init__(self, rank: int, hidden: int, variances: Array) -> None:
        object.__setattr__(self, "_axes", (rank, hidden))
        object.__setattr__(self, "_variances", read_only(variances))

    @cached_property
    def planes(self) -> tuple[tuple[int, int], ...]:
        return moving_planes(*self.__dict__["_axes"])

    @property
    def mean_rotation(self) -> Array:
        return read_only(np.zeros(len(self.variances)))

    @property
    def covariance(self) -> Array:
        return np.diag(self.variances)

    @property
    def variances(self) -> Array:
        variances: Array = self.__dict__["_variances"]
        return variances

    def to_dict(self) -> dict[str, Any]:
        """The JSON record, in plain Python types."""
        return {
            name: plain(self.variances if name == "covariance" else getattr(self, name))
            for name in self.written()
        }

    def full(self) -> FullDrift:
        """The same with ``V`` as a matrix in records."""
        rank, hidden = self.__dict__["_axes"]
        return FullDrift(rank, hidden, self.variances)


class FullDrift(IndependentDrift):
    """The same, of which a record has all of ``V``, row by row: `DiagonalRows`."""

    behind = Drift.behind

    def to_dict(self) -> dict[str, Any]:
        """The JSON record, in plain Python types but for the rows of ``V``."""
        return super().to_dict() | {"covariance": DiagonalRows(self.variances.tolist())}


class DeferredDrift(Drift):
    """Drift whose planes are computed, or refused, when they are first asked for.

    Parameters
    ----------
    problem : LearningProblem
    by_plane : callable
        The drift of the problem in every plane.
    """

    problem: LearningProblem

    def __init__(
        self, problem: LearningProblem, by_plane: Callable[[LearningProblem], Drift]
    ) -> None:
        object.__setattr__(self, "problem", problem)
        object.__setattr__(self, "_by_plane", by_plane)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.problem.study!r})"

    @cached_property
    def computed(self) -> Drift:
        """The drift in every plane."""
        drift: Drift = self.__dict__["_by_plane"](self.problem)
        return drift

    @property
    def planes(self) -> tuple[tuple[int, int], ...]:
        return self.computed.planes

    @property
    def covariance(self) -> Array:
        return self.computed.covariance

    @property
    def mean_rotation(self) -> Array:
        return self.computed.mean_rotation


@dataclass(frozen=True)
class StimulusDrift(Record):
    """Drift of the representation ``w = W* x`` of one stimulus.

    ``squared_norm`` is ``w'w``; ``diffusion`` is ``w' Delta w`` per step;
    ``decay_rate`` is ``w' Delta w / w'w``; ``mean_speed`` is ``|mu w|``.  A stimulus
    without representation (``w = 0``) has decay rate 0.
    """

    name: str
    squared_norm: float
    diffusion: float
    decay_rate: float
    mean_speed: float


def moving_planes(rank: int, hidden: int) -> tuple[tuple[int, int], ...]:
    """Planes ``(i, j)`` that move the weights: ``i <= r`` active, ``i < j <= p``, from 1."""
    return tuple((i, j) for i in range(1, rank + 1) for j in range(i + 1, hidden + 1))


def subspaces(values: Array) -> tuple[slice, ...]:
    """Runs of equal singular values among decreasing ones."""
    apart = values[:-1] - values[1:] > DEGENERACY_TOLERANCE * values[:-1]
    ends = [0, *(np.flatnonzero(apart) + 1).tolist(), len(values)]
    return tuple(slice(*ends[k : k + 2]) for k in range(len(ends) - 1))


def hidden_order(values: Array) -> NDArray[np.intp]:
    """Order of the hidden axes: decreasing singular value, equal ones by their position.

    Parameters
    ----------
    values : Array
        Singular values, positive, by input axis, shape ``(r,)``.
    """
    order = np.argsort(-values, kind="stable")
    for run in subspaces(values[order]):
        order[run] = np.sort(order[run])
    return order


def parameters_of(problem: LearningProblem) -> dict[str, Any]:
    """The parameters of an evaluation, by name, in plain Python types."""
    outputs, inputs = problem.teacher.shape
    return {
        "inputs": inputs,
        "outputs": outputs,
        "hidden": int(problem.hidden),
        "input_distribution": input_record(problem.inputs),
        "input_covariance": plain(problem.input_covariance),
        "teacher": plain(problem.teacher),
        "label_noise": problem.label_noise.tolist(),
        "learning_rate": float(problem.learning_rate),
        "weight_decay": float(problem.weight_decay),
        "batch": int(problem.batch),
        "synaptic_noise": float(problem.synaptic_noise),
    }


def stimulus_drifts(
    stimuli: Iterable[Stimulus], first_layer: Array, delta: Array, mean_rotation: Array
) -> tuple[StimulusDrift, ...]:
    """Representation-level drift of each stimulus.

    Parameters
    ----------
    stimuli : iterable of Stimulus
    first_layer : Array
        ``W*`` in the canonical frame, shape ``(rank, n)``: row ``i`` has squared norm
        ``s_i``.
    delta : Array
        ``Delta = -1/2 sum V_kk' Omega_k Omega_k'``, shape ``(rank, rank)``, per step.
    mean_rotation : Array
        ``sum mu_k Omega_k``, shape ``(rank, rank)``, per step.

    Returns
    -------
    tuple of StimulusDrift
        All zero for a stimulus without representation: what rounding leaves of it has a
        direction, and hence a decay rate, without meaning.
    """
    # Without a copy of the matrix.
    size = max(first_layer.max(initial=0.0), -first_layer.min(initial=0.0))
    turns = float(np.linalg.norm(mean_rotation))

    def followed(stimulus: Stimulus) -> StimulusDrift:
        representation = first_layer @ stimulus.vector
        largest = size * np.abs(stimulus.vector).max()
        if np.abs(representation).max() < REPRESENTATION_TOLERANCE * largest:
            representation = np.zeros_like(representation)
        squared_norm = float(representation @ representation)
        diffusion = float(representation @ delta @ representation)
        speed = float(np.linalg.norm(mean_rotation @ representation)) if turns else 0.0
        # Along the axis of a steady rotation nothing moves.
        if speed < REPRESENTATION_TOLERANCE * turns * np.sqrt(squared_norm):
            speed = 0.0
        return StimulusDrift(
            name=stimulus.name,
            squared_norm=squared_norm,
            diffusion=diffusion,
            decay_rate=diffusion / squared_norm if squared_norm > 0 else 0.0,
            mean_speed=speed,
        )

    return tuple(map(followed, stimuli))


def require_weight_decay(weight_decay: float) -> None:
    """Refuse weight decay that is not positive.

    Raises
    ------
    RequestError
        Without weight decay the minima are an orbit of all invertible matrices.
    """
    if weight_decay > 0:
        return
    if weight_decay < 0:
        raise RequestError(
            "learning.weight_decay", f"= {weight_decay:g} is refused: it must be positive"
        )
    raise RequestError(
        "learning.weight_decay",
        "= 0 is refused: without weight decay the loss is the same at U R^-1, R W for every "
        "invertible R, not for rotations only, so that the minima form a larger, unbounded "
        "manifold along which gradient noise has no equilibrium; give a positive value",
    )


def stillness_warnings(problem: LearningProblem, rank: int) -> tuple[str, ...]:
    """Say that nothing drifts where no plane of the hidden layer can rotate."""
    if rank > 1 or (problem.synaptic_noise > 0 and problem.hidden > rank):
        return ()
    return (
        "nothing can drift: the learned map has rank 1, so that one hidden axis is active and "
        "has no other to rotate into; every rate of drift is zero",
    )
