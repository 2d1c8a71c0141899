"""The next order of the isotropic autoencoder in closed form.

All ``n`` inputs have one variance and all outputs one variance of the label noise, the teacher has
one gain, and every axis is learned.  The formulas are those that the theory derives for every
``n``, printed, in units in which variance and gain are 1.
"""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.next_order.orders import Orders, Pair
from symdrift.evaluation.next_order.printed_orders import (
    _decay_share,
    _excess_loss,
    _mean_shift,
    _rotation_variance,
    _spread,
    _weight_variance,
)
from symdrift.evaluation.units import Units
from symdrift.study.problem import Array


def alike_orders(
    axes: Array,
    *,
    input_variance: float,
    gain: float,
    label_noise: float,
    weight_decay: float,
    batch: int,
) -> Orders:
    """Both orders of a network whose axes are all alike.

    Parameters
    ----------
    axes : Array
        Of the inputs, as columns, shape ``(n, n)``; the hidden units learn one each.
    input_variance, gain, label_noise, weight_decay : float
    batch : int
    """
    own = Units(input_variance**-0.5, 1 / (gain * input_variance**0.5))
    count, decay = len(axes), weight_decay * own.curvature
    numbers = (count, batch, decay, label_noise * own.loss)
    given = size, *_ = tuple(np.asarray(number, dtype=float) for number in numbers)
    weight, loss, rate = 1 / own.maps, 1 / own.loss, 1 / own.curvature

    def scaled(orders: tuple[Array, Array], size: float, power: int) -> tuple[float, float]:
        return float(orders[0] * size * rate**power), float(orders[1] * size * rate ** (power + 1))

    rows, _ = np.triu_indices(count, 1)
    variances = Pair(
        *(np.full(len(rows), order) for order in scaled(_rotation_variance(*given), 1.0, 3))
    )
    share = float(_decay_share(size))
    still = np.zeros((count, count))
    return Orders(
        weight_variance=scaled(_weight_variance(*given), weight, 1),
        excess_loss=scaled(_excess_loss(*given), loss, 1),
        first_layer=Pair(
            np.sqrt((1 - decay) * weight) * axes.T,
            float(_mean_shift(*given)) * np.sqrt(weight) * rate * axes.T,
        ),
        spread=float(_spread(*given)) * weight * rate * np.eye(count),
        variances=variances,
        covariance=None,
        mean_rotation=Pair(still, still),
        decay=Pair(*(share * order[:1].sum() * np.eye(count) for order in variances)),
    )
