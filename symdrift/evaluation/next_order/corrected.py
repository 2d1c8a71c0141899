"""The corrections of a problem's numbers, from both orders of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError, counted
from symdrift.evaluation.closed_form import AlignedNetwork, applies
from symdrift.evaluation.corrections import (
    Corrections,
    DriftCorrections,
    FluctuationCorrections,
    IndependentDriftCorrections,
    MinimumCorrections,
    StimulusCorrections,
)
from symdrift.evaluation.next_order.cost import (
    LONGEST,
    expansion_cost,
    normal_directions,
    require_affordable,
)
from symdrift.evaluation.next_order.expansion import (
    expand,
    mean_layer,
    mean_layer_by_synapses,
    noise_node_count,
    two_times,
)
from symdrift.evaluation.next_order.orders import (
    ROUNDING,
    Orders,
    Pair,
    Synaptic,
    general_orders,
)
from symdrift.evaluation.next_order.subnetworks import (
    affordable_mean,
    aligned_by_synapses,
    aligned_mean_layer,
    aligned_orders,
    aligned_two_times,
)
from symdrift.evaluation.next_order.two_times import TwoTimes
from symdrift.evaluation.parts import Fluctuation, moving_planes
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.units import natural_units
from symdrift.inputs.distribution import InputDistribution
from symdrift.study.problem import Array, LearningProblem, Stimulus

if TYPE_CHECKING:
    from symdrift.evaluation.dense.landscape import MinimumPoint

MOST_DIRECTIONS, MOST_POINTS = 100, 10**5
"""Of a problem whose mean weights are found in a second or so by the general expansion."""

Relative = Callable[[float, float, float], float | None]


def orders(problem: LearningProblem, method: str = "auto", longest: float = LONGEST) -> Orders:
    """Both orders of a problem, in natural units.

    Parameters
    ----------
    problem : LearningProblem
    method : {"auto", "closed-form", "dense"}
        With ``"dense"`` by the general expansion also where axes are shared.
    longest : float
        Seconds that it may take, as foreseen.

    Raises
    ------
    RequestError
        When the minimum is refused, or it would take too long or too much memory.
    """
    if method != "dense" and applies(replace(problem, synaptic_noise=0.0)) is None:
        return aligned_orders(problem, longest)
    # Shared axes need no SciPy, which takes longer to load than they take.
    from symdrift.evaluation.dense.landscape import in_units

    minimum = affordable_minimum(problem, longest)
    silent = _silent_units(problem, minimum)
    units = natural_units(problem.teacher, problem.input_covariance)
    minimum = in_units(minimum, units)
    own = units.problem(problem)
    point = _followed(minimum.first_layer, minimum.second_layer, silent)
    noisy = problem.synaptic_noise > 0
    standing = None if noisy else _standing_planes(own, minimum)
    found = general_orders(expand(own, point), silent, standing)
    if noisy:
        shift, spread = mean_layer_by_synapses(own, point, silent)
        found = replace(found, by_synapses=Synaptic(shift[: minimum.rank], spread))
    return found


def affordable_minimum(problem: LearningProblem, longest: float = LONGEST) -> MinimumPoint:
    """The minimum around which both orders are expanded, where that takes no longer.

    It is not looked for where its active hidden units are known to be too many, or a single one
    would be.

    Raises
    ------
    RequestError
        As for `orders`.
    """
    from symdrift.evaluation.dense.landscape import minimum_of

    _require_before_minimum(problem, longest)
    minimum = minimum_of(problem)
    _require_affordable(problem, minimum.rank + min(_silent_units(problem, minimum), 1), longest)
    return minimum


def _silent_units(problem: LearningProblem, minimum: MinimumPoint) -> int:
    """Of which the expansion knows: noise on synapses alone moves them."""
    return problem.hidden - minimum.rank if problem.synaptic_noise > 0 else 0


def _standing_planes(problem: LearningProblem, minimum: MinimumPoint) -> NDArray[np.bool_]:
    """Planes in which nothing turns at leading order, shape ``(planes,)``.

    An expansion, in which it is a difference, has fewer digits of that.
    """
    from symdrift.evaluation.dense.lyapunov import gradient_fluctuation
    from symdrift.evaluation.dense.rotation_covariance import hidden_drift

    fluctuation = gradient_fluctuation(problem, minimum)
    drift = hidden_drift(minimum.point, fluctuation, problem.learning_rate, "exact")
    return np.asarray(np.diagonal(drift.covariance) == 0)


def _followed(first: Array, second: Array, silent: int) -> tuple[Array, Array]:
    """Weights of the active hidden units, with one silent unit where there are any."""
    one = ((0, min(silent, 1)), (0, 0))
    return np.pad(first, one), np.pad(second, one[::-1])


def two_time_products(problem: LearningProblem, lags: Array, longest: float = LONGEST) -> Array:
    """What the next order adds to products of representations at two times.

    ``E[h_t . h_(t+tau)]`` is ``E[h]' exp(-K tau) E[h]``, its mean turning and fading at both
    orders, ``tr P exp(-eta H tau) Gamma P'``, and ``x'`` times this times ``x``; see `two_times`.

    Parameters
    ----------
    problem : LearningProblem
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``.
    longest : float
        Seconds that it may take, as foreseen.

    Returns
    -------
    Array
        Shape ``(T, n, n)``.  Synaptic noise adds nothing at this order.

    Raises
    ------
    RequestError
        As for `orders`.
    """
    units = natural_units(problem.teacher, problem.input_covariance)
    rate = problem.learning_rate / units.curvature
    if applies(replace(problem, synaptic_noise=0.0)) is None:
        found = aligned_two_times(problem, rate * lags, longest)
    else:
        found = general_two_times(problem, longest)(rate * lags)
    return found * (rate**2 / units.maps)


def general_two_times(problem: LearningProblem, longest: float = LONGEST) -> TwoTimes:
    """All that representations at two times are made of, in natural units, by gradient noise.

    Parameters
    ----------
    problem : LearningProblem
    longest : float
        Seconds that it may take, as foreseen.

    Raises
    ------
    RequestError
        As for `orders`, also where axes are shared.
    """
    from symdrift.evaluation.dense.landscape import in_units, minimum_of

    _require_before_minimum(problem, longest)
    minimum = minimum_of(problem)
    _require_affordable(problem, minimum.rank, longest)
    units = natural_units(problem.teacher, problem.input_covariance)
    minimum = in_units(minimum, units)
    own = units.problem(problem)
    given = (own.teacher, own.label_noise, minimum.first_layer, minimum.second_layer)
    content = tuple(array.tobytes() for array in given)
    return _same_steps(_Steps(problem.inputs, own.weight_decay, own.batch, content, own, minimum))


@dataclass(frozen=True)
class _Steps:
    """Of a problem what decides its `TwoTimes`, neither rate nor stimuli, by which it is found."""

    inputs: InputDistribution
    weight_decay: float
    batch: int
    content: tuple[bytes, ...]
    own: LearningProblem = field(compare=False)
    minimum: MinimumPoint = field(compare=False)


@lru_cache(maxsize=1)
def _same_steps(steps: _Steps) -> TwoTimes:
    """The last one is kept: observables ask again and again, runs at one rate after the other."""
    return two_times(steps.own, (steps.minimum.first_layer, steps.minimum.second_layer))


def mean_first_layer(problem: LearningProblem) -> Pair | None:
    """The mean of ``W`` where the hidden layer does not turn, also where that is all there is.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    Pair or None
        In natural units, shape ``(r, n)``; ``None`` for networks that are too large, and for
        curvatures that double precision does not resolve.

    Raises
    ------
    RequestError
        When the minimum is refused.
    """
    noisy = problem.synaptic_noise > 0
    if applies(replace(problem, synaptic_noise=0.0)) is None:
        if not affordable_mean(problem):
            return None
        try:
            still, shift, _ = aligned_mean_layer(problem)
            if noisy:
                shift = shift + aligned_by_synapses(problem).shift
        except RequestError:
            return None
    else:
        from symdrift.evaluation.dense.landscape import in_units, minimum_of

        minimum = minimum_of(problem)
        outputs, inputs = problem.teacher.shape
        noise = noise_node_count(int(np.count_nonzero(problem.label_noise)))
        if (
            normal_directions(inputs, outputs, minimum.rank) > MOST_DIRECTIONS
            or problem.inputs.node_count * noise > MOST_POINTS
        ):
            return None
        units = natural_units(problem.teacher, problem.input_covariance)
        minimum, own = in_units(minimum, units), units.problem(problem)
        still, rank = minimum.first_layer, minimum.rank
        try:
            shift, _ = mean_layer(own, (still, minimum.second_layer))
            if noisy:
                silent = problem.hidden - rank
                point = _followed(still, minimum.second_layer, silent)
                shift = shift + mean_layer_by_synapses(own, point, silent)[0][:rank]
        except RequestError:
            return None
    return Pair(still, shift)


def _require_before_minimum(problem: LearningProblem, longest: float) -> None:
    """Refuse what takes too long by what is known of the minimum before full matrices find it."""
    quiet = replace(problem, synaptic_noise=0.0)
    if applies(quiet) is None:
        learned = np.count_nonzero(AlignedNetwork.of(quiet).singular_values)
        _require_affordable(problem, int(learned), longest)
    else:
        _require_affordable(problem, 1, longest, "even one active hidden unit")


def _require_affordable(
    problem: LearningProblem, units: int, longest: float, said: str = ""
) -> None:
    outputs, inputs = problem.teacher.shape
    noise = noise_node_count(int(np.count_nonzero(problem.label_noise)))
    size = normal_directions(inputs, outputs, units)
    require_affordable(
        expansion_cost(inputs, outputs, units, problem.inputs.node_count * noise),
        f"{inputs} inputs, {outputs} outputs and {said or counted(units, 'active hidden unit')}, "
        f"{size} normal directions,",
        "about 60 directions are possible, of up to 20 Gaussian inputs, and more where these share "
        "their axes with the teacher; leave --order out",
        longest,
    )


def corrections(
    problem: LearningProblem, evaluation: Evaluation, longest: float = LONGEST
) -> Corrections:
    """Corrections of all numbers of an evaluation.

    Parameters
    ----------
    problem : LearningProblem
    evaluation : Evaluation
        Of this problem.
    longest : float
        Seconds that it may take, as foreseen.

    Raises
    ------
    RequestError
        As for `orders`.
    """
    # With synaptic noise an evaluation is by full matrices also where axes are shared.
    method = "auto" if problem.synaptic_noise > 0 else evaluation.method
    found = orders(problem, method, longest)
    by_plane = evaluation.quantities == "all"
    hidden = problem.hidden if problem.synaptic_noise > 0 else evaluation.minimum.rank
    observed = observed_corrections(problem, found)
    if evaluation.fluctuation.weight_variance == 0:
        # All gradients at the minimum are the same, and an expansion, in which they are
        # differences, has rounding.
        still = tuple(replace(item, squared_norm=0.0) for item in observed.stimuli)
        observed = replace(observed, fluctuation=FluctuationCorrections(None, None), stimuli=still)
    if problem.synaptic_noise > 0:
        shares = _shares_of_gradients(problem, evaluation.fluctuation, found)
        fluctuation = replace(observed.fluctuation, by_gradients=shares)
        observed = replace(observed, fluctuation=fluctuation)
    return replace(
        observed,
        # The excess loss is what the loss has beyond the minimum, synaptic noise included.
        minimum=MinimumCorrections(
            evaluation.fluctuation.excess_loss / (evaluation.minimum.loss * problem.learning_rate)
        ),
        drift=_of_drift(found, hidden, _relative_to(problem)) if by_plane else None,
    )


def observed_corrections(problem: LearningProblem, found: Orders) -> Corrections:
    """Corrections of the fluctuation and of stimuli, from both orders of the problem."""
    units, relative = (
        natural_units(problem.teacher, problem.input_covariance),
        _relative_to(problem),
    )
    excess, variance = found.excess_loss, found.weight_variance
    return Corrections(
        minimum=None,
        fluctuation=FluctuationCorrections(
            relative(*variance, variance[0]), relative(*excess, excess[0])
        ),
        drift=None,
        stimuli=tuple(_of_stimuli(units.problem(problem).stimuli, found, relative)),
        late=tuple(_late(found, problem.hidden, units.curvature)),
    )


def _shares_of_gradients(
    problem: LearningProblem, printed: Fluctuation, found: Orders
) -> tuple[float, float]:
    """What gradient noise makes of the variance of the weights and of the excess loss."""
    units = natural_units(problem.teacher, problem.input_covariance)
    rate = problem.learning_rate / units.curvature
    return (
        float(rate * found.weight_variance[0] / (units.maps * printed.weight_variance)),
        float(rate * found.excess_loss[0] / (units.loss * printed.excess_loss)),
    )


def _late(found: Orders, hidden: int, curvature: float) -> Iterator[tuple[tuple[int, int], float]]:
    """Planes that stand still at leading order only."""
    leading, following = found.variances
    rank = len(found.first_layer.leading)
    moving = moving_planes(rank, rank if found.by_synapses is None else hidden)
    for plane, first, later in zip(moving, leading, following, strict=True):
        if first == 0 < later:
            yield plane, float(later) / curvature**4


def _relative_to(problem: LearningProblem) -> Relative:
    """Of two orders and the size below which the first is zero: one over the other, per rate."""
    # A rate in natural units is the rate over the factor of the curvature, and so is 1 / c.
    per_rate = 1 / natural_units(problem.teacher, problem.input_covariance).curvature

    def relative(leading: float, following: float, scale: float) -> float | None:
        return following / leading * per_rate if abs(leading) > ROUNDING * scale else None

    return relative


def _of_drift(found: Orders, hidden: int, relative: Relative) -> DriftCorrections:
    """Of the planes of active units and all that they turn into."""
    rank = len(found.first_layer.leading)
    planes = moving_planes(rank, hidden)
    largest = float(found.variances.leading.max(initial=0.0))
    steady, later = found.mean_rotation
    # Into silent units nothing turns steadily.
    mean_rotation = tuple(
        relative(steady[i - 1, j - 1], later[i - 1, j - 1], float(np.sqrt(largest)))
        if j <= rank
        else None
        for i, j in planes
    )
    if found.covariance is None:
        pairs = zip(*(part.tolist() for part in found.variances), strict=True)
        variances = tuple(relative(a, b, largest) for a, b in pairs)
        return IndependentDriftCorrections(planes, variances, mean_rotation)
    covariance, after = found.covariance
    return DriftCorrections(
        planes,
        tuple(
            tuple(relative(a, b, largest) for a, b in zip(*rows, strict=True))
            for rows in zip(covariance.tolist(), after.tolist(), strict=True)
        ),
        mean_rotation,
    )


def _of_stimuli(
    stimuli: Sequence[Stimulus], found: Orders, relative: Relative
) -> Iterator[StimulusCorrections]:
    """What is seen of each stimulus: its norm, and how its mean representation fades and turns.

    Its mean is the representation ``w`` at the minimum and, of the next order, that of the mean
    deviation; the turning and fading act on both.
    """
    still = found.first_layer.leading
    vectors = np.array([stimulus.vector for stimulus in stimuli]).reshape(-1, still.shape[1])

    def squares(matrices: Pair) -> list[tuple[float, float]]:
        """``x' M x`` of each, at both orders."""
        leading, following = (np.sum((vectors @ part) * vectors, axis=1) for part in matrices)
        return list(zip(leading.tolist(), following.tolist(), strict=True))

    fading, mean, squared, by_gradients = map(
        squares, (found.fading, found.mean_gram, found.gram, found.gram_by_gradients)
    )
    sizes = (np.sum(still**2) * np.sum(vectors**2, axis=1)).tolist()
    rates = float(np.trace(found.decay.leading))
    turning, later = (vectors @ part.T for part in found.turning)
    speeds = np.linalg.norm(turning, axis=1)
    along = np.sum(turning * later, axis=1)
    gained = np.divide(along, speeds, out=np.zeros_like(speeds), where=speeds > 0)
    for k, (stimulus, size) in enumerate(zip(stimuli, sizes, strict=True)):
        diffusion = relative(*fading[k], size * rates)
        longer = relative(*mean[k], size)
        faster = relative(float(speeds[k]), float(gained[k]), float(np.sqrt(size * rates)))
        yield StimulusCorrections(
            name=stimulus.name,
            squared_norm=relative(*squared[k], size),
            diffusion=diffusion,
            decay_rate=None if diffusion is None or longer is None else diffusion - longer,
            mean_speed=faster,
            by_gradients=relative(*by_gradients[k], size),
            turning_rate=None if faster is None or longer is None else faster - longer / 2,
        )
