"""Derivatives of the numbers of one network by everything that it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.changing_network import (
    Changing,
    ChangingNetwork,
    changing_directions,
)
from symdrift.evaluation.closed_form.network_axes import network_axes

Array = NDArray[np.float64]


def derivatives(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
    logarithmic: bool = False,
) -> dict[str, dict[str, Array]]:
    """Exact derivatives of the numbers of one network by each of the arguments.

    The learning rate and the batch are in the numbers as powers: of a number q that goes as their
    power p, eta dq/d(eta) = p q. Which directions are active does not change.

    Logarithmic ones are exponents, d ln|q| / d ln(argument), of each entry of an argument: one
    percent more of it makes so many percent more of the number. What is zero has none, but NaN.

    Returns
    -------
    dict of str to dict of str to ndarray
        By number, singular_values (n), loss, weight_variance, excess_loss and diffusion_tensor
        (n, n); then by argument. The shape is that of the number followed, for covariance, gains
        and label_noise, by one axis of length n, min(n, m) or m.
    """
    given = (covariance, gains, label_noise, weight_decay, learning_rate, batch)
    names = ("covariance", "gains", "label_noise", "weight_decay", "learning_rate", "batch")
    lengths = (inputs, min(inputs, outputs), outputs, 1, 1, 1)
    ends = np.cumsum(lengths)
    # Each entry of each argument is a parameter of its own.
    moved = np.split(np.eye(ends[-1]), ends[:-1], axis=1)
    signed = np.broadcast_to(np.asarray(gains, dtype=float), (lengths[1],))
    decay, *others = (
        Changing(np.asarray(value, dtype=float), change[:, 0])
        for value, change in zip(given[3:], moved[3:], strict=True)
    )
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    gain = Changing(np.abs(signed), moved[1] * np.sign(signed))
    directions = changing_directions(axes, moved[0], gain, moved[2], decay)
    network = ChangingNetwork(directions, decay, *others)
    active = np.flatnonzero(axes.active[:inputs])
    variance, excess = network.fluctuation(active)
    tensor = Changing(np.zeros((inputs, inputs)), np.zeros((ends[-1], inputs, inputs)))
    for whole, part in zip(tensor, network.diffusion(active), strict=True):
        whole[..., active[:, None], active] = part
    numbers = {
        "singular_values": directions.singular_value.at(slice(inputs)),
        "loss": network.loss(),
        "weight_variance": variance,
        "excess_loss": excess,
        "diffusion_tensor": tensor,
    }
    changes = {number: found.change for number, found in numbers.items()}
    if logarithmic:
        entries = np.concatenate(
            [np.broadcast_to(np.asarray(value, dtype=float), length)
             for value, length in zip(given, lengths, strict=True)]
        )  # fmt: skip
        for number, (value, change) in numbers.items():
            divisor = np.where(value == 0, np.nan, value)
            changes[number] = (change.T * entries).T / divisor
    return {
        number: {
            name: np.moveaxis(part, 0, -1) if name in names[:3] else part[0]
            for name, part in zip(names, np.split(change, ends[:-1]), strict=True)
        }
        for number, change in changes.items()
    }
