"""Rotation variances of aligned Gaussian problems with 150 digits, from the theory's formulas.

Written from ``V_ij = eta^2 / (4 (s_i + s_j)^2) sum_l o^2 [tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z'
Gamma_P)]`` with every matrix equation solved as a system of linear equations: nothing is taken
from the package.
"""

from __future__ import annotations

from collections.abc import Sequence

import mpmath
from mpmath import mp, mpf

DIGITS = 150


def rotation_variances(
    variances: Sequence[float],
    gains: Sequence[float],
    weight_decay: float,
    learning_rate: float,
    label_noise: Sequence[float],
    active: Sequence[int],
) -> list[list[mpf]]:
    """``V_ij`` for the active axes, in the order in which they are given.

    Parameters
    ----------
    variances, gains, label_noise
        Of as many inputs as outputs; read exactly.
    active : sequence of int
        Axes that the minimum keeps, counted from 0.
    """
    with mp.workdps(DIGITS):
        lam, gain, noise = (
            [mpf(float(x)) for x in part] for part in (variances, gains, label_noise)
        )
        gamma, eta = mpf(float(weight_decay)), mpf(float(learning_rate))
        size = len(lam)
        s = [gain[k] - gamma / lam[k] if k in active else mpf(0) for k in range(size)]
        error = [gain[k] - s[k] for k in range(size)]

        def hessian(i: int, l: int) -> mpmath.matrix:
            if i == l:
                return mp.matrix([[2 * s[i] * lam[i]]])
            kappa = gamma if l in active else lam[l] * gain[l]
            total = s[i] + s[l]
            return mp.matrix([[total * lam[l] + gamma, -kappa], [-kappa, total * lam[i] + gamma]])

        def noise_of(i: int, l: int) -> mpmath.matrix:
            if i == l:
                single = 2 * error[i] ** 2 * lam[i] ** 2 + noise[i] * lam[i]
                return mp.matrix([[2 * s[i] * single]])
            both = lam[i] * lam[l]
            return (s[i] + s[l]) * mp.matrix(
                [
                    [both * error[i] ** 2 + noise[i] * lam[l], both * error[i] * error[l]],
                    [both * error[i] * error[l], both * error[l] ** 2 + noise[l] * lam[i]],
                ]
            )

        def area(i: int, j: int, l: int) -> mpf:
            left, right = (i, l), (j, l)
            turn = _turn(i, j, l)
            h_p, h_q = hessian(*left), hessian(*right)
            y = _sylvester(h_p, h_q, 2 * turn * h_q)
            z = _sylvester(h_p, h_q, 2 * h_p * turn)
            c_p, c_q = noise_of(*left), noise_of(*right)
            gamma_p, gamma_q = _sylvester(h_p, h_p, eta * c_p), _sylvester(h_q, h_q, eta * c_q)
            weight = s[i] * s[j] / ((s[i] + s[l]) * (s[j] + s[l]))
            return weight * (_trace(y.T * c_p * y * gamma_q) + _trace(z * c_q * z.T * gamma_p))

        return [
            [
                mpf(0)
                if i == j
                else eta**2
                / (4 * (s[i] + s[j]) ** 2)
                * sum((area(i, j, l) for l in range(size)), mpf(0))
                for j in active
            ]
            for i in active
        ]


def _turn(i: int, j: int, l: int) -> mpmath.matrix:
    if l == i:
        return mp.matrix([[1, 1]])
    return mp.matrix([[1], [1]]) if l == j else mp.eye(2)


def _trace(matrix: mpmath.matrix) -> mpf:
    return sum((matrix[k, k] for k in range(matrix.rows)), mpf(0))


def _sylvester(left: mpmath.matrix, right: mpmath.matrix, source: mpmath.matrix) -> mpmath.matrix:
    """``A X + X B = F``, entry by entry."""
    rows, columns = source.rows, source.cols
    system = mp.zeros(rows * columns)
    values = mp.zeros(rows * columns, 1)
    for a in range(rows):
        for b in range(columns):
            here = a * columns + b
            values[here] = source[a, b]
            for c in range(rows):
                system[here, c * columns + b] += left[a, c]
            for d in range(columns):
                system[here, a * columns + d] += right[d, b]
    found = mp.lu_solve(system, values)
    solution = mp.zeros(rows, columns)
    for a in range(rows):
        for b in range(columns):
            solution[a, b] = found[a * columns + b]
    return solution
