"""Learning problems and a plain NumPy reference that the simulator's tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.inputs import Gaussian, InputDistribution
from symdrift.simulation.estimators import DisplacementCurve
from symdrift.study.problem import Array, LearningProblem, Stimulus


def problem(
    covariance: Any,
    teacher: Any = None,
    *,
    weight_decay: float,
    learning_rate: float,
    hidden: int | None = None,
    label_noise: Any = 0.0,
    batch: int = 1,
    synaptic_noise: float = 0.0,
    inputs: InputDistribution | None = None,
) -> LearningProblem:
    """A problem whose covariance may be given by its eigenvalues, an autoencoder by default."""
    sigma = np.asarray(covariance, dtype=float)
    if sigma.ndim == 1:
        sigma = np.diag(sigma)
    size = len(sigma)
    gains = np.eye(size) if teacher is None else np.asarray(teacher, dtype=float)
    return LearningProblem(
        study="test",
        hidden=size if hidden is None else hidden,
        inputs=Gaussian(sigma) if inputs is None else inputs,
        teacher=gains,
        label_noise=np.broadcast_to(np.asarray(label_noise, dtype=float), (len(gains),)).copy(),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch=batch,
        synaptic_noise=synaptic_noise,
        stimuli=tuple(Stimulus(f"axis {axis + 1}", unit) for axis, unit in enumerate(np.eye(size))),
    )


MASK = (1 << 64) - 1


class ReferenceStream:
    """The random numbers of one replica, from Python integers and library functions.

    Written from the definitions: xoshiro256++ on four 64-bit words, and Box-Muller with a
    uniform radius of 40 bits and an angle of 24 bits, of which one is the common sign.
    """

    def __init__(self, seed: int, replica: int) -> None:
        sequence = np.random.SeedSequence(seed, spawn_key=(replica,))
        self.state = [int(word) for word in sequence.generate_state(4, np.uint64)]

    def word(self) -> int:
        def rotated(value: int, bits: int) -> int:
            return ((value << bits) | (value >> (64 - bits))) & MASK

        s = self.state
        output = (rotated((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotated(s[3], 45)
        return output

    def normals(self, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        values: list[float] = []
        while len(values) < count:
            word = self.word()
            uniform = 1 - (word >> 24) / 2**40
            radius = np.sqrt(-2 * np.log(uniform)) * (-1 if word >> 23 & 1 else 1)
            angle = np.pi * ((word & (2**23 - 1)) / 2**23 - 0.5)
            values += [radius * np.cos(angle), radius * np.sin(angle)]
        return np.array(values[:count])


def displacement_curve(
    times: Array | NDArray[np.int64], representation: Array
) -> DisplacementCurve:
    """Mean-squared displacement from a stationary trajectory, errors by replicas.

    Parameters
    ----------
    times : Array or NDArray[np.int64]
        Evenly spaced, shape ``(records,)``.
    representation : Array
        Shape ``(records, replicas, p)``, at least two replicas.
    """
    records, replicas, _ = representation.shape
    offsets = np.unique(np.geomspace(1, max(1, records // 2), 24).round().astype(int))
    per_replica = np.array(
        [
            np.mean(np.sum((representation[k:] - representation[:-k]) ** 2, axis=-1), axis=0)
            for k in offsets
        ]
    )
    return DisplacementCurve(
        lags=(times[offsets] - times[0]).astype(np.float64),
        mean=per_replica.mean(axis=1),
        standard_error=per_replica.std(axis=1, ddof=1) / np.sqrt(replicas),
    )
