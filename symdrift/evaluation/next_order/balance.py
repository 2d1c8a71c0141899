"""Unbalanced layers: what noise feeds the difference of ``W W'`` and ``U' U``.

The loss sees ``U W`` alone, so that its gradients ``g_W``, ``g_U`` satisfy ``g_W W' = U' g_U`` for
every sample.  One step with weight decay, ``W <- (1 - eta gamma) W - eta g_W`` and so for ``U``,
therefore changes the difference of the layers exactly by

``W W' - U' U <- (1 - eta gamma)^2 (W W' - U' U) + eta^2 (g_W g_W' - g_U' g_U)``,

and at stationarity, at any rate, ``E[W W' - U' U] = eta / (gamma (2 - eta gamma))
E[g_W g_W' - g_U' g_U]``.  It relaxes at the rate ``2 gamma`` only: the layers are balanced where
``eta`` times the noise over ``gamma`` is small beside the singular values.
"""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.next_order.batches import batch_means
from symdrift.evaluation.next_order.expansion import samples_of
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study.problem import Array, LearningProblem


def imbalance(problem: LearningProblem, point: tuple[Array, Array]) -> Array:
    """``E[W W' - U' U]`` at order ``eta``, shape ``(r, r)``.

    Parameters
    ----------
    problem : LearningProblem
        Without synaptic noise.
    point : (Array, Array)
        Weights ``W*`` and ``U*`` of the active hidden units at the minimum, where the noise is
        taken.
    """
    points, ensemble = samples_of(problem).reduced()
    rule = TwoLayerLinear(problem.teacher, problem.weight_decay)
    updates = [
        rule.update(point, x[:, np.newaxis], noise[:, np.newaxis])
        for x, noise in zip(points.inputs, points.noise, strict=True)
    ]
    # Weight decay is the same in every sample: it leaves the difference of the products alone.
    first, second = (np.array(layer) for layer in zip(*updates, strict=True))
    products = {"first": "first_in first_jn -> ij", "second": "second_mi second_mj -> ij"}
    means = batch_means(products, {"first": first, "second": second}, ensemble, problem.batch)
    return np.asarray((means["first"] - means["second"]) / (2 * problem.weight_decay))
