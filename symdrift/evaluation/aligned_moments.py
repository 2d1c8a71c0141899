"""Where the dense road begins to look for the critical rate: at an aligned network's moments.

Eigenvalues next to the largest one are many, and from any other beginning it takes tens of steps
to tell them apart.  What is found from here is held to the full map all the same.
"""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.closed_form import stability_blocks
from symdrift.evaluation.closed_form.axis_kinds import Kinds
from symdrift.evaluation.dense.stability import MeanSquare, sparse_matrix
from symdrift.study.problem import Array


def aligned_moments(square: MeanSquare) -> Array | None:
    """Second moments that grow fastest in the network next to this one, in closed form.

    Inputs of that network are Gaussian, and neither they nor its errors are correlated, on the
    axes of the minimum.  Of an aligned network with Gaussian inputs they are its own.

    Parameters
    ----------
    square : MeanSquare

    Returns
    -------
    Array or None
        In the coordinates of `normal`, a silent hidden unit with as large ones of its own; None
        where fourth moments of the inputs are nothing like Gaussian ones.
    """
    problem, frame, places = square.problem, square.frame, square.places
    if problem.inputs.kurtosis is None:
        return None
    rank, inputs, outputs = frame.rank, frame.inputs, frame.outputs
    size, common = max(inputs, outputs), min(inputs, outputs)
    axes = np.zeros((6, size))
    variance, noise, residual, values, output, count = axes
    variance[:inputs], noise[:outputs] = square.covariance.diagonal(), square.label_noise.diagonal()
    # At a minimum errors times inputs are smaller than weight decay, on every axis.
    residual[:common] = (square.error_map @ square.covariance).diagonal() / variance[:common]
    values[:rank], output[:outputs], count[:] = frame.singular_values, 1.0, 1.0
    aligned = stability_blocks.MeanSquare(
        Kinds(*axes), np.array([problem.weight_decay]), np.array([problem.batch])
    )
    numbers = np.zeros((size, 2, size), dtype=np.intp)
    numbers[:rank, 0, :inputs] = places[:rank, :inputs]
    numbers[:rank, 1, :outputs] = places[:rank, inputs:]
    flat = numbers.ravel()
    _, fastest = aligned.of_moments()
    moments = sparse_matrix(
        (places.size, places.size),
        [
            (flat[rows][:, np.newaxis], flat[columns], values)
            for rows, columns, values in aligned.weight_moments(fastest)
        ],
    )
    found = (square.normal.T @ moments @ square.normal).toarray()
    if square.silent:
        # It is a block by itself.
        own = np.arange(len(found))[rank - places.shape[1] :]
        found[own, own] = np.linalg.norm(found) / np.sqrt(len(own))
    return np.asarray(found)
