"""What an evaluation returns, whichever road computed it.

Every rate is per SGD step.  The hidden axes are those of the canonical frame:
decreasing singular value, ties by input index; the sign of each right singular
vector makes its largest component positive.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.problem import Array, LearningProblem, Stimulus

WARN_ABOVE = 0.1
"""``eta * h_max`` above which leading-order results carry a warning."""

REPRESENTATION_TOLERANCE = 1e-12
"""Size of a representation, relative to those of layer and stimulus, that is rounding."""


@dataclass(frozen=True)
class Minimum:
    """The minimum-loss manifold.

    ``singular_values`` has shape ``(rank,)``, in decreasing order; ``loss`` is the
    expected loss on the manifold (label noise and weight decay included);
    ``hessian_min`` and ``hessian_max`` are the extreme Hessian eigenvalues on the
    normal space (all normal directions, those that noise never reaches included).
    """

    rank: int
    singular_values: Array
    loss: float
    hessian_min: float
    hessian_max: float


@dataclass(frozen=True)
class Fluctuation:
    """Stationary fluctuation in the normal space, leading order in the learning rate.

    ``weight_variance`` is ``tr(Gamma)``; ``excess_loss`` is ``tr(H Gamma) / 2``.
    """

    weight_variance: float
    excess_loss: float


@dataclass(frozen=True)
class Drift:
    """Rotation of the hidden layer per SGD step, leading order in the learning rate.

    ``planes`` holds pairs of active hidden axes ``(i, j)``, ``i < j``, counted from 1,
    in lexicographic order; ``covariance`` is ``V``, shape ``(planes, planes)``, in
    rad^2/step; ``mean_rotation`` is ``mu``, shape ``(planes,)``, in rad/step, with
    ``Q_{t+1} = Q_t exp(xi Omega_ij)``, ``Omega_ij = E_ij - E_ji``.
    """

    planes: tuple[tuple[int, int], ...]
    covariance: Array
    mean_rotation: Array

    @property
    def diffusion(self) -> Array:
        """Diagonal of the diffusion tensor ``D = V / 2``, shape ``(planes,)``."""
        return 0.5 * np.diagonal(self.covariance)


@dataclass(frozen=True)
class StimulusDrift:
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


@dataclass(frozen=True)
class Evaluation:
    """Every number of one study at one set of parameters."""

    study: str
    method: str
    approximation: str
    parameters: dict[str, Any]
    minimum: Minimum
    fluctuation: Fluctuation
    drift: Drift
    stimuli: tuple[StimulusDrift, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of ``symdrift evaluate`` (plain Python types)."""
        record = asdict(self)
        record["minimum"]["singular_values"] = self.minimum.singular_values.tolist()
        record["drift"] = {
            "planes": [list(plane) for plane in self.drift.planes],
            "covariance": self.drift.covariance.tolist(),
            "diffusion": self.drift.diffusion.tolist(),
            "mean_rotation": self.drift.mean_rotation.tolist(),
        }
        record["stimuli"] = [asdict(stimulus) for stimulus in self.stimuli]
        record["warnings"] = list(self.warnings)
        return record


def parameters_of(problem: LearningProblem) -> dict[str, Any]:
    """The parameters of an evaluation, by name, in plain Python types."""
    outputs, inputs = problem.teacher.shape
    return {
        "inputs": inputs,
        "outputs": outputs,
        "hidden": int(problem.hidden),
        "input_covariance": problem.input_covariance.tolist(),
        "teacher": problem.teacher.tolist(),
        "label_noise": problem.label_noise.tolist(),
        "learning_rate": float(problem.learning_rate),
        "weight_decay": float(problem.weight_decay),
        "batch": int(problem.batch),
        "synaptic_noise": float(problem.synaptic_noise),
    }


def stimulus_drift(
    stimulus: Stimulus, first_layer: Array, delta: Array, mean_rotation: Array
) -> StimulusDrift:
    """Representation-level drift of one stimulus.

    Parameters
    ----------
    stimulus : Stimulus
    first_layer : Array
        ``W*`` in the canonical frame, shape ``(rank, n)``: row ``i`` has squared norm
        ``s_i``.
    delta : Array
        ``Delta = -1/2 sum V_kk' Omega_k Omega_k'``, shape ``(rank, rank)``, per step.
    mean_rotation : Array
        ``sum mu_k Omega_k``, shape ``(rank, rank)``, per step.

    Returns
    -------
    StimulusDrift
        All zero for a stimulus without representation: what rounding leaves of it has a
        direction, and hence a decay rate, without meaning.
    """
    representation = first_layer @ stimulus.vector
    largest = np.abs(first_layer).max() * np.abs(stimulus.vector).max()
    if np.abs(representation).max() < REPRESENTATION_TOLERANCE * largest:
        representation = np.zeros_like(representation)
    squared_norm = float(representation @ representation)
    diffusion = float(representation @ delta @ representation)
    return StimulusDrift(
        name=stimulus.name,
        squared_norm=squared_norm,
        diffusion=diffusion,
        decay_rate=diffusion / squared_norm if squared_norm > 0 else 0.0,
        mean_speed=float(np.linalg.norm(mean_rotation @ representation)),
    )


def validity_warnings(problem: LearningProblem, hessian_max: float) -> tuple[str, ...]:
    """Warn outside the small-learning-rate range; refuse where SGD diverges.

    Raises
    ------
    RequestError
        When ``eta * h_max >= 2``: gradient descent itself is unstable there.
    """
    stiffness = problem.learning_rate * hessian_max
    if stiffness >= 2:
        raise RequestError(
            "learning.rate",
            f"= {problem.learning_rate:g} is unstable: learning rate times the largest Hessian "
            f"eigenvalue is {stiffness:.4g} and must stay below 2 "
            f"(rates below {2 / hessian_max:.4g})",
        )
    if stiffness > WARN_ABOVE:
        return (
            f"learning.rate times the largest Hessian eigenvalue is {stiffness:.3g}; the "
            f"leading-order results assume it is well below {WARN_ABOVE:g}",
        )
    return ()
