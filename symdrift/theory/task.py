"""Results for this study: what its own task makes of the general theory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.derivation.chapter import Test, holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    I_INDEX,
    INPUT_COVARIANCE,
    KURTOSIS,
    L_INDEX,
    NOISE_COVARIANCE,
    RANK,
    REACH,
    REACH_RANK,
    TEACHER,
)
from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.dense import MinimumPoint, minimum_of
from symdrift.inputs import InputDistribution, mean_share, percentage
from symdrift.study import Study
from symdrift.study.problem import Array, LearningProblem
from symdrift.theory.active_axes import learned
from symdrift.theory.linear.points import learned_value
from symdrift.theory.linear.two_axes import (
    LABEL_NOISE,
    LAMBDA_1,
    LAMBDA_2,
    S_1,
    S_2,
    SIGMA_11,
    SIGMA_12,
    SIGMA_22,
    STRAIGHT,
    TwoAxes,
)
from symdrift.theory.misaligned_rate import CANONICAL_COVARIANCE, MEAN, VARIANCE
from symdrift.theory.noise import ENTRY
from symdrift.theory.subject import (
    absent_sources,
    are_data,
    called,
    has_explicit_rate,
    has_open_sizes,
    minimum_is_aligned,
    shares_axes,
)

LARGEST_CERTIFIED = 16
"""Most inputs or outputs for which a minimum is certified in rational arithmetic."""
SLACK = sp.Rational(1, 10**9)
"""What the certificate of a minimum in double precision may miss, relative."""
DIGITS = 6

SMALLEST_CURVATURE = sp.Symbol("smallest_curvature", positive=True)

LATEX: dict[sp.Basic, str] = {SMALLEST_CURVATURE: r"h_{\mathrm{min}}"}

MEANINGS = ((SMALLEST_CURVATURE, "smallest Hessian eigenvalue across the orbit", "scalar"),)


def task(study: Study) -> Iterator[Step]:
    """What the general theory says about one study."""
    heavy = study.inputs.kurtosis is not None and not study.inputs.gaussian
    if heavy and shares_axes(study):
        yield _heavy_tails()
    if study.missing or has_open_sizes(study):
        yield _outlook(study)
        return
    problem = study.problem()
    minimum = minimum_of(problem)
    yield _minimum(study, problem, minimum)
    kurtosis = problem.inputs.kurtosis
    if kurtosis is not None and has_explicit_rate(study) and minimum.rank == 2:
        yield _study_rate(problem, minimum, kurtosis, TwoAxes(absent_sources(study)))


def _heavy_tails() -> Step:
    """Noise along shared axes

    Teacher and inputs of this study share their axes. Between learned axes {i} and {l} the
    noise on learned maps then has the entries [eq:heavy-pair] and [eq:heavy-exchange], with
    the residual {E_i} that weight decay leaves: those of Gaussian inputs times one plus the
    kurtosis, up to the label noise. An axis with itself has [eq:heavy-own]. The entry
    [eq:heavy-common] is new: the common length of a sample couples the weights of every axis
    with itself to those of every other, so that the axes with themselves join into one block
    and the trace [eq:map-covariance] has further terms.
    """
    i, l = I_INDEX, L_INDEX
    e_i, gamma, sigma = symbol("residual_map", "i"), GAMMA, symbol("label_noise", "i") ** 2
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    light = 1 + KURTOSIS
    entries = {
        (i, i, i, i): (2 + 3 * KURTOSIS) * gamma**2 + sigma * lam_i,
        (i, l, i, l): light * e_i**2 * lam_i * lam_l + sigma * lam_l,
        (i, l, l, i): light * gamma**2,
        (i, i, l, l): KURTOSIS * gamma**2,
    }
    case = TwoAxes()
    values = {
        lam_i: LAMBDA_1,
        lam_l: LAMBDA_2,
        e_i: GAMMA / LAMBDA_1,
        symbol("label_noise", "i"): LABEL_NOISE,
    }
    found = case.noise.xreplace(dict(STRAIGHT))
    own, pair, exchange, common = entries
    places = {own: (0, 0), pair: (1, 1), exchange: (1, 2), common: (0, 3)}
    return step(
        heavy_pair=(ENTRY[pair], entries[pair]),
        heavy_exchange=(ENTRY[exchange], entries[exchange]),
        heavy_own=(ENTRY[own], entries[own]),
        heavy_common=(ENTRY[common], entries[common]),
        checks=(
            vanishes(
                "They are the entries of [eq:map-noise-elliptical] for two axes without "
                "misalignment.",
                *((entries[key].xreplace(values), found[place]) for key, place in places.items()),
            ),
            holds(
                "Two axes have no other entries, but for the order of indices.",
                Method.CASES,
                lambda: all(found[a, b] == 0 for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))),
            ),
        ),
    )


def _kind(study: Study) -> str:
    """What the inputs are; Gaussian ones are not aligned here."""
    unaligned = " whose covariance and teacher share no axes"
    return study.inputs.called + (unaligned if study.inputs.gaussian else "")


def _origin(inputs: InputDistribution) -> str:
    """What data were read, and what their mean is, in sentences."""
    text = ""
    if (source := inputs.source) is not None:
        header = {"names": "named by a header", "numbers": "numbered by a header"}
        text = (
            f" Its data are {len(inputs.recipe().rows)} rows of {len(source.used)} columns, "
            f"{header.get(source.header, 'without a header')}"
            f"{', less the mean of each column' if source.centred else ''}."
        )
        if source.components is not None and source.explained is not None:
            text += (
                f" The inputs are their {source.components} leading principal components, which "
                f"hold {percentage(source.explained)} of the "
                f"{'variance' if source.centred else 'second moment'}."
            )
    share = mean_share(inputs)
    if share > 0:
        return text + (
            f" The mean of the inputs holds {percentage(share)} of their power, and {{Sigma}} is "
            "their second moment about zero."
        )
    return text + " The inputs have no mean, so that {Sigma} is their covariance."


def _outlook(study: Study) -> Step:
    """What is symbolic and what is numeric

    This study has <kind>, and leaves <names> open. <moments><minimum> must be found
    numerically, once every symbol has a number; only then do the curvatures tell whether the
    minimum is strict, as [eq:lyapunov] needs it to be. <explicit>The derivation above is symbolic
    and holds for the study as it stands; with numbers [eq:lyapunov] and [eq:sylvester] are solved
    for it in the image of {J}.<called>
    """
    names = ", ".join(study.missing) or "its size"
    sentence, inline = called(study)
    explicit = (
        "The rate of rotation of two axes, [eq:explicit-rate], holds for it with symbols. "
        if has_explicit_rate(study)
        else ""
    )
    minimum = (
        "Teacher and {Sigma} share their axes, so that its minimum is known axis by axis; "
        "fluctuation and rotation"
        if minimum_is_aligned(study)
        else "Its minimum solves polynomial equations without a closed solution, so that singular "
        "values and axes"
    )
    planes = RANK * (RANK - 1) / 2
    return step(
        symbols={**inline, "J": REACH},
        words={
            "kind": _kind(study),
            "names": names,
            "moments": (
                "{Sigma} is the second moment of these about zero. " if are_data(study) else ""
            ),
            "minimum": minimum,
            "explicit": explicit,
            "called": sentence,
        },
        identifier="study",
        checks=(
            holds(
                "The planes of the hidden axes, counted one by one for five axes, are as many as "
                "the rank allows.",
                Method.CASES,
                lambda: planes.subs(RANK, 5) == len([(i, j) for j in range(5) for i in range(j)]),
            ),
        ),
    )


def _minimum(study: Study, problem: LearningProblem, minimum: MinimumPoint) -> Step:
    """The minimum of this study

    This study has <inputs>, <outputs> and <hidden>, and it learns from <kind>.<origin>
    <known>

    At its numbers the learned map has rank <rank>, with the <word> [eq:study-values]; the noise
    stays in the image of {J}, the dimension of which is [eq:study-reached], and the hidden axes
    span <planes>.<still> Across the manifold the smallest curvature is [eq:study-curvature], found
    in double precision like every number here.<imbalance> The minimum is strict, as [eq:lyapunov]
    needs it to be.<others> <kernels><called>
    """
    outputs, inputs = problem.teacher.shape
    # Label noise decides nothing about the minimum.
    axes = align(replace(problem, label_noise=np.zeros(outputs)))
    sentence, inline = called(study)
    rank = minimum.rank
    reached = rank * (inputs + outputs - rank)
    origin = _origin(problem.inputs) if are_data(study) else ""
    values = _listed([_shown(value) for value in minimum.singular_values])
    kernels = (
        "The kernels beside this document evaluate [eq:explicit-rate]."
        if has_explicit_rate(study)
        else "There is no kernel file for such a study: its numbers come from solving "
        "[eq:lyapunov] and [eq:sylvester]."
    )
    still = (
        " One hidden axis has no other to rotate into: nothing can drift in this study."
        if rank == 1 and not (problem.synaptic_noise > 0 and problem.hidden > rank)
        else ""
    )
    word = "singular value" if rank == 1 else "singular values"
    smallest, decay = minimum.certificate.hessian_min, problem.weight_decay
    known, numbers = _known(study, problem, axes), "This study has the numbers [eq:study-numbers]."
    return step(
        study_numbers=_numbers(problem),
        study_axis=(
            None
            if isinstance(axes, str)
            else (symbol("singular_value"), learned_value(symbol("gain"), symbol("input_variance")))
        ),
        study_values=(_listed(_names(rank)), values),
        study_reached=(REACH_RANK, sp.Integer(reached)),
        study_curvature=(SMALLEST_CURVATURE, _shown(smallest)),
        symbols={**inline, "J": REACH, "twice_decay": 2 * GAMMA},
        words={
            "kind": _kind(study),
            "inputs": _several(inputs, "input"),
            "outputs": _several(outputs, "output"),
            "hidden": _several(problem.hidden, "hidden unit"),
            "origin": origin,
            "imbalance": _IMBALANCE if abs(smallest - 2 * decay) <= 1e-9 * decay else "",
            "rank": str(rank),
            "word": word,
            "known": f"{known} {numbers}" if isinstance(axes, str) else f"{numbers} {known}",
            "planes": _several(rank * (rank - 1) // 2, "plane"),
            "still": still,
            "others": _other_minima(problem, minimum),
            "kernels": kernels,
            "called": sentence,
        },
        identifier="study",
        checks=(*_certificate(problem, minimum), *_axis_by_axis(problem, minimum, axes)),
    )


_IMBALANCE = (
    " A small symmetric matrix that multiplies the first layer and, with the other sign, the "
    "second leaves the map as it is, and by [eq:slope-pairs] the Hessian makes {twice_decay} times "
    "this change of both: here this is the smallest curvature, and it does not come from "
    "[eq:map-hessian], since gradient noise at the minimum does not reach the change."
)
"""Where an imbalance of the layers has the smallest curvature."""

LARGEST_SHOWN = 3
"""Most inputs or outputs for which a document prints teacher and covariances."""


def _numbers(problem: LearningProblem) -> list[tuple[sp.Basic, sp.Basic]]:
    """What a study puts into the theory, matrices only where they are small."""
    found: list[tuple[sp.Basic, sp.Basic]] = []
    if max(problem.teacher.shape) <= LARGEST_SHOWN:
        matrices = {TEACHER: problem.teacher, INPUT_COVARIANCE: problem.input_covariance}
        if problem.label_noise.any():
            matrices[NOISE_COVARIANCE] = np.diag(problem.label_noise)
        found += [
            (name, sp.ImmutableMatrix(*array.shape, [_shown(entry) for entry in array.ravel()]))
            for name, array in matrices.items()
        ]
    numbers = {ETA: problem.learning_rate, GAMMA: problem.weight_decay}
    found += [(name, _shown(value)) for name, value in numbers.items()]
    return [*found, (BATCH, sp.Integer(problem.batch))]


def _other_minima(problem: LearningProblem, minimum: MinimumPoint) -> str:
    """Say which of several strict minima this is."""
    if not minimum.others:
        return ""
    place = "the lowest" if problem.minimum == 1 else f"number {problem.minimum} in loss"
    return f" It is {place} of {len(minimum.others) + 1} strict minima."


def _known(study: Study, problem: LearningProblem, axes: Alignment | str) -> str:
    """What of a study has a formula, and why the rest has none, in sentences."""
    if isinstance(axes, str):
        start = (
            "Its minimum has no formula"
            if study.inputs.gaussian
            else "Here teacher and {Sigma} share no axes, so that the minimum has no formula"
        )
        return f"{start} and was found numerically."
    shared = (
        "Teacher and {Sigma} share their axes, so that its minimum is known axis by axis: a "
        "learned axis of gain {a} and variance {lambda} has the singular value [eq:study-axis]. "
    )
    if not study.inputs.gaussian:
        return (
            f"{shared}The closed form of shared axes needs the fourth moments of Gaussian inputs "
            "as well; with those of its own inputs fluctuation and rotation of this study are "
            "solved for numerically."
        )
    obstacle = align(problem)
    if isinstance(obstacle, str):
        return (
            f"{shared}But {obstacle}, where the closed form of shared axes has an independent one "
            "on each: fluctuation and rotation are solved for numerically."
        )
    return (
        f"{shared}It is not written in these axes, so that what follows is the theory of any task; "
        "written in them it would have the closed form."
    )


def _axis_by_axis(
    problem: LearningProblem, minimum: MinimumPoint, axes: Alignment | str
) -> tuple[Test, ...]:
    """The numerical singular values against those of shared axes."""
    if isinstance(axes, str):
        return ()

    def agree() -> bool:
        positions, values = learned(problem, axes)
        return bool(np.allclose(minimum.singular_values, values[positions], rtol=1e-9, atol=0.0))

    which = "that lower the loss most" if problem.minimum == 1 else "of this strict minimum"

    return (
        holds(
            f"The singular values are [eq:study-axis] on the axes {which}, up to one part in a "
            "billion.",
            Method.DIGITS,
            agree,
        ),
    )


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(items: Sequence[sp.Expr]) -> sp.Basic:
    """Several in brackets, one as it is."""
    return items[0] if len(items) == 1 else sp.Tuple(*items)


def _names(rank: int) -> list[sp.Symbol]:
    return [symbol("singular_value", k + 1) for k in range(rank)]


def _certificate(problem: LearningProblem, minimum: MinimumPoint) -> tuple[Test, ...]:
    """The numerical minimum against its conditions, in rational arithmetic."""
    covariance = _exact(problem.input_covariance)
    first, second = _exact(minimum.first_layer), _exact(minimum.second_layer)
    decay = sp.Rational(float(problem.weight_decay))
    slope = (_exact(problem.teacher) - second * first) * covariance

    def stationary() -> bool:
        for pulled, layer in ((second.T * slope, first), (slope * first.T, second)):
            missed = sum(entry**2 for entry in pulled - decay * layer)
            if missed > (SLACK * decay) ** 2 * sum(entry**2 for entry in layer):
                return False
        return True

    tests = [
        holds(
            "The numbers of the minimum, taken as exact fractions, satisfy [eq:stationary] up to "
            "one part in a billion of the weight decay.",
            Method.DIGITS,
            stationary,
        )
    ]
    outputs, inputs = problem.teacher.shape
    if minimum.certificate.duality_gap is not None and max(inputs, outputs) <= LARGEST_CERTIFIED:
        bound = (decay * (1 + SLACK)) ** 2 * sp.eye(outputs) - slope * slope.T
        tests.append(
            holds(
                "They satisfy [eq:dual] up to one part in a billion, so that no network of any "
                "width has a loss that is lower by more than rounding.",
                Method.DIGITS,
                lambda: _is_positive(bound),
            )
        )
    return tuple(tests)


def _exact(array: Array) -> sp.Matrix:
    rows, columns = array.shape
    return sp.Matrix(rows, columns, [sp.Rational(float(value)) for value in array.ravel()])


def _is_positive(matrix: sp.Matrix) -> bool:
    """All pivots of a symmetric matrix are positive."""
    rest = sp.Matrix(matrix)
    while rest.rows:
        pivot = rest[0, 0]
        if pivot <= 0:
            return False
        below = rest[1:, :1]
        rest = rest[1:, 1:] - below * below.T / pivot
    return True


@dataclass(frozen=True)
class _Frame:
    """A minimum of two axes as numbers of the canonical frame."""

    values: dict[sp.Symbol, float]

    def at(self, expression: sp.Expr) -> float:
        return float(expression.xreplace({k: sp.Float(v, 30) for k, v in self.values.items()}))


def _study_rate(
    problem: LearningProblem, minimum: MinimumPoint, kurtosis: float, case: TwoAxes
) -> Step:
    """The steady rotation of this study

    In the canonical frame the inputs of this study have the covariance [eq:study-frame]. The
    explicit rate [eq:explicit-rate] is then [eq:study-mean], in radians per step, and the variance
    [eq:frame-variance] of the rotation is [eq:study-spread].<overtaken> A negative rate turns the
    first hidden axis towards the second; the sign of an axis makes the component of largest size of
    its right singular vector positive. Numbers are rounded to six digits.
    """
    roots = np.sqrt(minimum.singular_values)
    axes = minimum.first_layer / roots[:, np.newaxis]
    covariance = axes @ problem.input_covariance @ axes.T
    frame = _Frame(
        {
            S_1: float(minimum.singular_values[0]),
            S_2: float(minimum.singular_values[1]),
            SIGMA_11: float(covariance[0, 0]),
            SIGMA_22: float(covariance[1, 1]),
            SIGMA_12: float(covariance[0, 1]),
            GAMMA: float(problem.weight_decay),
            KURTOSIS: kurtosis,
            LABEL_NOISE: float(np.sqrt(problem.label_noise[0])),
        }
    )
    per_step = problem.learning_rate**2 / problem.batch
    rate = per_step * frame.at(case.explicit)
    # The equations on learned maps, solved with these numbers.
    exact = {name: sp.Rational(value) for name, value in frame.values.items()}
    curvature, noise = (part.xreplace(exact) for part in (case.minimum.curvature, case.noise))
    fluctuation = solve_operator(curvature, curvature.T, noise)
    coloured = solve_operator(curvature.T, curvature, 2 * case.turn * curvature)
    product, metric = np.prod(minimum.singular_values), 2 * np.sum(minimum.singular_values)
    swept = float((coloured.T * noise * coloured * fluctuation).trace())
    spread = per_step * problem.learning_rate / problem.batch * product * swept / metric**2
    overtaken = (
        " Over more than about {steps} steps, [eq:study-spread] over the square of "
        "[eq:study-mean], the steady rotation is larger than what diffusion adds to it."
        if rate
        else ""
    )

    def in_double_precision() -> bool:
        trace = (curvature.T * case.turn * fluctuation).trace()
        found = per_step * float(np.sqrt(product)) * float(trace) / float(metric)
        return abs(found - rate) <= 1e-9 * abs(found)

    shown = sp.Matrix(2, 2, [_shown(entry) for entry in covariance.ravel()])
    return step(
        study_frame=(CANONICAL_COVARIANCE, shown),
        study_mean=(MEAN, _shown(rate)),
        study_spread=(VARIANCE, _shown(spread)),
        symbols={"steps": sp.Integer(round(float(f"{spread / rate**2:.2g}")))} if rate else {},
        words={"overtaken": overtaken},
        checks=(
            holds(
                "Solving [eq:map-equations] in exact rational arithmetic at the numbers of the "
                "study gives the value of the displayed rate.",
                Method.DIGITS,
                in_double_precision,
            ),
        ),
    )


def _shown(value: float) -> sp.Expr:
    return sp.Integer(0) if value == 0 else sp.Float(f"{float(value):.{DIGITS}g}", DIGITS)
