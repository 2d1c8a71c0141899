"""The numbers behind the figures of a report, from the numerical roads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from symdrift.documents.comparison_tables import Comparisons
from symdrift.documents.number_tables import quantity
from symdrift.documents.numbers import Formula
from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import MinimumPoint, solve_minimum
from symdrift.evaluation.dense.noise_factors import gradient_noise
from symdrift.evaluation.dense.operator import hessian_matrix
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.figures import (
    BlockStructure,
    Counterparts,
    DecayRates,
    DisplacementCurve,
    LearningRateLimit,
    RateSeries,
    RatioLimit,
    SizeCurve,
    ValidationRatios,
    WeightDecaySweep,
    literal,
    short_quantities,
)
from symdrift.study.problem import Array, LearningProblem
from symdrift.validation.extrapolate import ExtrapolatedRow, Extrapolation
from symdrift.validation.validate import Row, Validation

FEW_WEIGHTS = 40
"""Weights up to which the dense road and the simulator are cheap."""

LARGEST_PATTERN = 80
"""Directions up to which the block structure is drawn."""

_SWEEP_POINTS, _FEW_POINTS = 41, 9
_MOST_SERIES = 3
_MOST_STIMULI = 12
_MOST_RATIOS = 28
_LONGEST_OF_LEGEND = 9
"""Letters of a name that fit into the legend of a small panel."""
_UNCERTAIN = 0.3
"""Relative standard error of a ratio that says nothing."""
_ZERO = 1e-10


def _minimum(problem: LearningProblem) -> MinimumPoint:
    return solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )


def weight_decay_sweep(problem: LearningProblem) -> WeightDecaySweep:
    """Diffusion of every plane from a thirtieth of the weight decay to the last threshold.

    Synaptic noise turns learned axes into silent ones too.  A plane of the study that changes
    from one kind to the other at a threshold ends there.
    """
    own = evaluate(problem)
    strongest = float(np.linalg.norm(problem.teacher @ problem.input_covariance, 2))
    weights = problem.hidden * sum(problem.teacher.shape)
    cheap = weights <= FEW_WEIGHTS or own.method == "closed-form"
    grid = np.geomspace(
        problem.weight_decay / 30, 0.98 * strongest, _SWEEP_POINTS if cheap else _FEW_POINTS
    )
    planes: dict[tuple[int, int], Array] = {}
    known = set(own.drift.planes)
    for place, weight_decay in enumerate(grid):
        try:
            found = evaluate(replace(problem, weight_decay=float(weight_decay)))
        except RequestError:
            # A threshold met with equality, or an unstable rate: a gap in the line.
            continue
        for plane, diffusion in zip(found.drift.planes, found.drift.diffusion, strict=True):
            learned = max(plane) <= found.minimum.rank
            if plane not in known or learned == (max(plane) <= own.minimum.rank):
                planes.setdefault(plane, np.full(len(grid), np.nan))[place] = diffusion
    return WeightDecaySweep(
        weight_decay=grid,
        diffusion=_distinct((str(plane), values) for plane, values in sorted(planes.items())),
        exponent=4 if _noise_vanishes_with_weight_decay(problem) else None,
        at=problem.weight_decay,
    )


def _distinct(curves: Iterable[tuple[str, Array]]) -> tuple[tuple[str, Array], ...]:
    """Curves with those that coincide joined under one name."""
    joined: list[tuple[list[str], Array]] = []
    for name, values in curves:
        for names, known in joined:
            if np.allclose(values, known, rtol=1e-9, atol=0.0, equal_nan=True):
                names.append(name)
                break
        else:
            joined.append(([name], values))
    return tuple((_abbreviated(names), values) for names, values in joined)


def _abbreviated(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 3 else [*names[:2], "…", names[-1]])


def _noise_vanishes_with_weight_decay(problem: LearningProblem) -> bool:
    """Whether the errors left at the minimum are of the order of the weight decay.

    Then noise and fluctuation both go with its square, the diffusion with its fourth power.
    """
    learnable = int(np.linalg.matrix_rank(problem.teacher))
    quiet = not np.any(problem.label_noise) and problem.synaptic_noise == 0
    return quiet and problem.hidden >= learnable


def learning_rate_limit(extrapolation: Extrapolation) -> LearningRateLimit | None:
    """Variance, mean rotation and displacement at every learning rate; None without planes.

    Of the planes those with the largest variance and mean rotation are shown, of the stimuli
    the first that moves, and of the ratios those of the first of each and of the excess loss.
    """
    runs, fitted = (
        sorted(given, key=lambda run: run.learning_rate)
        for given in (extrapolation.runs, extrapolation.fitted_runs)
    )
    quantities = [row.quantity for row in extrapolation.rows]
    variances = [name for name in quantities if name.startswith("V[") and ";" not in name]
    rotations = [name for name in quantities if name.startswith("mu[")]
    if not variances:
        return None
    own = {row.quantity: abs(row.measured.theory) for row in extrapolation.rows}
    variances.sort(key=own.__getitem__, reverse=True)
    rotations.sort(key=own.__getitem__, reverse=True)
    first = next(
        (k for k, curve in enumerate(runs[0].displacement) if np.any(curve.theory > 0)), None
    )
    stimulus = "" if first is None else runs[0].displacement[first].stimulus
    shown = [variances[0], rotations[0], f"displacement of {stimulus}", "excess loss"]
    limits = {row.quantity: row for row in extrapolation.rows if row.ratio is not None}
    return LearningRateLimit(
        learning_rate=_array(run.learning_rate for run in runs),
        stiffness=_array(run.stiffness for run in fitted),
        variances=tuple(_rate_series(name, runs) for name in variances[:_MOST_SERIES]),
        rotations=tuple(_rate_series(name, runs) for name in rotations[:_MOST_SERIES]),
        synaptic=any(extrapolation.synaptic_noise),
        stimulus=stimulus,
        displacements=() if first is None else tuple(_curve(run, first) for run in runs),
        ratios=tuple(
            _ratio_limit(limits[name], fitted) for name in shown if name in limits
        ),
    )


def _rows(name: str, runs: Sequence[Validation]) -> list[Row]:
    return [run.row(name) for run in runs]


def _rate_series(name: str, runs: Sequence[Validation]) -> RateSeries:
    rows = _rows(name, runs)
    return RateSeries(
        label=_label(name),
        theory=_array(row.theory for row in rows),
        simulation=_array(row.simulation for row in rows),
        standard_error=_array(row.standard_error for row in rows),
    )


def _curve(run: Validation, stimulus: int) -> DisplacementCurve:
    displacement = run.displacement[stimulus]
    measured = displacement.simulation
    return DisplacementCurve(
        run.learning_rate,
        measured.lags,
        displacement.theory,
        measured.mean,
        measured.standard_error,
    )


def _ratio_limit(row: ExtrapolatedRow, runs: Sequence[Validation]) -> RatioLimit:
    rows = _rows(row.quantity, runs)
    assert row.ratio is not None
    assert row.slope is not None
    return RatioLimit(
        label=_label(*short_quantities([row.quantity], _LONGEST_OF_LEGEND)),
        ratio=_array(entry.simulation / entry.theory for entry in rows),
        standard_error=_array(abs(entry.standard_error / entry.theory) for entry in rows),
        limit=row.ratio.value,
        limit_error=row.ratio.standard_error,
        slope=row.slope.value * row.measured.scale / row.measured.theory,
    )


def decay_rates(exact: Evaluation, white: Evaluation) -> DecayRates:
    """Decay rates of all stimuli that have a representation."""
    pairs = [
        (one, other)
        for one, other in zip(exact.stimuli, white.stimuli, strict=True)
        if one.squared_norm > 0
    ]
    return DecayRates(
        stimuli=tuple(one.name for one, _ in pairs),
        exact=np.array([one.decay_rate for one, _ in pairs]),
        white=np.array([other.decay_rate for _, other in pairs]),
    )


def block_structure(problem: LearningProblem, rank: int) -> BlockStructure | None:
    """Hessian and noise in the basis ``u_ol``, grouped into the blocks that they form.

    ``u_ol`` is the unit vector along ``(U'F, F W')`` with ``F = p_o r_l'`` in the singular
    frame of the learned map.  None when there are too many directions to draw.
    """
    outputs, inputs = problem.teacher.shape
    # Asked before the minimum is solved for with matrices of all these directions.
    if rank * (inputs + outputs - rank) > LARGEST_PATTERN:
        return None
    minimum = _minimum(problem)
    left, _, right = np.linalg.svd(minimum.second_layer @ minimum.first_layer)
    vectors = []
    for output in range(outputs):
        for source in range(inputs):
            force = np.outer(left[:, output], right[source])
            vector = np.hstack([minimum.second_layer.T @ force, minimum.first_layer @ force.T])
            if (norm := np.linalg.norm(vector)) > _ZERO * np.linalg.norm(minimum.point):
                vectors.append(vector.ravel() / norm)
    basis = np.array(vectors).T
    hessian = basis.T @ _hessian(problem, minimum) @ basis
    noise = basis.T @ _noise(problem, minimum) @ basis
    coupled = (np.abs(hessian) > _ZERO * np.abs(hessian).max()) | (
        np.abs(noise) > _ZERO * np.abs(noise).max()
    )
    _, labels = connected_components(coupled, directed=False)
    sizes = np.bincount(labels)
    order = sorted(range(len(labels)), key=lambda k: (sizes[labels[k]], labels[k], k))
    members = list(dict.fromkeys(labels[k] for k in order))
    return BlockStructure(
        hessian=hessian[np.ix_(order, order)],
        noise=noise[np.ix_(order, order)],
        blocks=tuple(int(sizes[label]) for label in members),
    )


def _hessian(problem: LearningProblem, minimum: MinimumPoint) -> Array:
    return hessian_matrix(
        minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
    )


def _noise(problem: LearningProblem, minimum: MinimumPoint) -> Array:
    return gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch)


def counterparts(comparisons: Comparisons) -> Counterparts:
    """Decay rates of all stimuli that have a representation, and the scaling with size."""
    synaptic, isotropic = comparisons.synaptic, comparisons.isotropic
    pairs = [pair for pair in synaptic.comparison.stimuli if pair.study > 0][:_MOST_STIMULI]
    names = tuple(pair.name for pair in pairs)
    rates = [
        ("gradient noise", _array(pair.study for pair in pairs)),
        ("synaptic noise", _array(pair.counterpart for pair in pairs)),
    ]
    if isotropic is not None:
        by_name = {pair.name: pair.counterpart for pair in isotropic.stimuli}
        rates.append(("isotropic inputs", _array(by_name[name] for name in names)))
    wider = [row for row in synaptic.sizes if row.inputs == row.hidden]
    silent = [row for row in synaptic.sizes if row.inputs == synaptic.sizes[0].inputs]
    curves = (("wider", wider), ("with silent units", silent)) if wider else ()
    return Counterparts(
        names,
        tuple(rates),
        tuple(
            SizeCurve(
                label,
                _array(row.hidden for row in rows),
                _array(row.gradient for row in rows),
                _array(row.synaptic for row in rows),
            )
            for label, rows in curves
        ),
    )


def validation_ratios(validation: Validation) -> ValidationRatios:
    """Ratios of the rows whose theory is well above its standard error.

    Where these are too many, covariances between planes and then displacements are left out.
    """
    rows = [
        row for row in validation.rows if row.standard_error < _UNCERTAIN * abs(row.theory)
    ]
    for kind in (";", "displacement of"):
        if len(rows) > _MOST_RATIOS:
            rows = [row for row in rows if kind not in row.quantity]
    rows = rows[:_MOST_RATIOS]
    return ValidationRatios(
        quantities=tuple(map(_label, short_quantities([row.quantity for row in rows]))),
        ratio=_array(row.simulation / row.theory for row in rows),
        standard_error=_array(abs(row.standard_error / row.theory) for row in rows),
    )


def _label(name: str) -> str:
    cell = quantity(name)
    return f"${cell.latex}$" if isinstance(cell, Formula) else literal(cell)


def _array(values: Iterable[float]) -> Array:
    return np.fromiter(values, dtype=np.float64)
