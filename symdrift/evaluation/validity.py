"""How far numbers of leading order hold at a learning rate, and where there are none.

Four small numbers limit the leading order, and each of them alone can spoil it.  Beyond the
critical rate the fluctuation around the minimum has no stationary variance, whatever they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from math import ceil, floor, inf, log10
from types import MappingProxyType

from symdrift.errors import RequestError
from symdrift.records import Record
from symdrift.study.problem import LearningProblem
from symdrift.tables import printed

WARN_ABOVE = 0.1
"""Size of a small number above which leading-order results carry a warning."""

RUNS_AWAY_ABOVE = 0.5
"""Share of the critical rate above which SGD can leave the minimum for good, though fluctuations
that stay small are stable: large ones are less so.  Half of sixteen simulated networks were lost
within 10^5 steps at 0.55 to 0.7 of it (isotropic with 8 inputs, bottleneck, misaligned teacher),
with 32 inputs at 0.8; at 0.5 it was one of 64."""


LARGEST_SAID = 10.0
"""Expected error above which it is not told any more."""

UNKNOWN_FACTOR = 2.0
"""Next order in the learning rate, where it is not known, over the sum of the small numbers.

In no shipped study whose next order is known is a relative correction larger.
"""


@dataclass(frozen=True)
class Validity(Record):
    """What the leading order assumes to be small, and the rate from which on SGD is unstable.

    Attributes
    ----------
    rate_times_curvature : float
        ``eta h_max``, with the largest Hessian eigenvalue: steps are discrete.
    multiplicative_noise : float
        ``eta s_1 E|x|^2 / B``, with the largest singular value: the curvature that one sample
        sees along what is learned is as large as its power, and fluctuates with it.
    imbalance : float
        ``E[W W' - U'U]``, by which noise unbalances the layers, relative to the singular values:
        the largest eigenvalue by size of ``S^(-1/2) E[W W' - U'U] S^(-1/2)``.  It is
        ``eta / (2 gamma) E[g_W g_W' - g_U' g_U]`` with the gradients without weight decay.
    threshold : float
        ``Gamma_ii / s_i``, the largest of all learned axes: where the variance along a singular
        value reaches its size, the axis is lost and found again.
    critical_rate : float
        Learning rate from which on the second moment of the fluctuation, linearised across the
        orbit, has no stationary value (mean-square stability).  Silent hidden units, which noise
        does not reach, count with synaptic noise only.
    rate_over_critical : float
        ``eta`` over that.
    """

    behind = MappingProxyType({"expected_error": "rate_over_critical"})

    rate_times_curvature: float = field(
        metadata={"meaning": "learning rate times the largest Hessian eigenvalue"}
    )
    multiplicative_noise: float = field(
        metadata={"meaning": "learning rate times singular value and power of the inputs"}
    )
    imbalance: float = field(
        metadata={"meaning": "imbalance of the layers over the singular value"}
    )
    threshold: float = field(
        metadata={"meaning": "variance along a singular value over that value"}
    )
    critical_rate: float
    rate_over_critical: float

    @property
    def expected_error(self) -> float:
        """How large relative corrections may be, where they are not computed."""
        small = sum(float(getattr(self, name)) for name in MEANINGS)
        return UNKNOWN_FACTOR * max(small, self.later_orders(1.0))

    def at(self, share: float) -> Validity:
        """The same at so many times the learning rate: all but the critical rate grow with it."""
        own = {name: share * float(getattr(self, name)) for name in MEANINGS}
        return replace(self, **own, rate_over_critical=share * self.rate_over_critical)

    def later_orders(self, change: float) -> float:
        """What the orders after the next are expected to change in a number of the fluctuation.

        Second moments of the linearised fluctuation are a power series in the learning rate with
        a pole at the critical rate: towards it terms are in the ratio ``r = eta / eta_c``.  The
        next term is ``change`` where the nonlinear dynamics do not take away from it, and ``r``
        where the noise is all along what grows fastest.  Hence ``max(change, r) r / (1 - r)``.
        Simulated excess losses, variances of the weights and of rotations, and mean rotations are
        off by no more than this and ``change`` together, up to 0.6 of the critical rate, and
        where ``change`` is as large as ``r`` by four fifths of it at least.

        Parameters
        ----------
        change : float
            By how much the next order changes it, relative to its size.
        """
        return towards_critical(change, self.rate_over_critical)

    @property
    def share(self) -> str:
        """The rate over the critical one."""
        return share_of_critical(self.rate_over_critical)


def share_of_critical(ratio: float) -> str:
    """A rate over the critical one, never rounded to one."""
    places = ceil(-log10(1 - ratio)) if 0.9 < ratio < 1 else 0
    return f"{ratio:.{places}f}" if places else f"{ratio:.2g}"


def towards_critical(change: float, ratio: float) -> float:
    """Sum of later orders, the first as large as ``change``, at a ratio to the critical rate."""
    return max(change, ratio) * ratio / (1 - ratio) if ratio < 1 else inf


def with_expected_error(value: object, error: float) -> str:
    """A number as tables have it, and in brackets its expected error where it has one."""
    return printed(value) + (f" ({error_cell(error)})" if error else "")


MEANINGS = {
    small.name: str(small.metadata["meaning"]) for small in fields(Validity) if small.metadata
}
"""The small numbers in words."""


def error_cell(error: float | None) -> str:
    """An expected error in a table; nothing where there is none."""
    return percent_off(error).replace("more than", ">") if error else ""


def at_most_off(error: float) -> str:
    """By how much numbers may be off, in a sentence."""
    return percent_off(error) if error > LARGEST_SAID else f"up to {percent_off(error)}"


def percent_off(error: float) -> str:
    """An expected error in percent; where it is ten times the number more digits say nothing."""
    if error > LARGEST_SAID:
        return f"more than {100 * LARGEST_SAID:.0f} %"
    return f"{100 * error:{'.2g' if error < 0.995 else '.0f'}} %"


def require_stable(problem: LearningProblem, validity: Validity) -> None:
    """Refuse a learning rate at which the fluctuation has no stationary variance.

    Raises
    ------
    RequestError
        At the critical rate and above.
    """
    if validity.rate_over_critical < 1:
        return
    reason = max(MEANINGS, key=lambda name: float(getattr(validity, name)))
    raise RequestError(
        "learning.rate",
        f"= {problem.learning_rate:g} is unstable: from the critical rate "
        f"{_rounded_down(validity.critical_rate):.4g} on the fluctuation around the minimum, "
        f"linearised, has no stationary variance (largest of what should be small: "
        f"{MEANINGS[reason]}, {getattr(validity, reason):.3g}"
        + (": an axis is lost and found again" if reason == "threshold" else "")
        + "); give a rate below it"
        + "".join(f"; {remark}" for remark in _doubts(problem)),
    )


def validity_warnings(problem: LearningProblem, validity: Validity) -> tuple[str, ...]:
    """Warn where a number that should be small is not; refuse what `require_stable` refuses."""
    require_stable(problem, validity)
    large = [
        f"{meaning} is {value:.3g}"
        for name, meaning in MEANINGS.items()
        if (value := getattr(validity, name)) > WARN_ABOVE
    ]
    if not large:
        return _doubts(problem)
    return (
        *_doubts(problem),
        *_lost_axes(validity),
        f"learning.rate = {problem.learning_rate:g} is {validity.share} of the "
        f"critical rate; {', and '.join(large)}; the leading-order results assume that these "
        f"are well below {WARN_ABOVE:g}",
        *running_away(validity),
    )


def running_away(validity: Validity) -> tuple[str, ...]:
    """Warn of simulations that may not stay near the minimum."""
    if validity.rate_over_critical <= RUNS_AWAY_ABOVE:
        return ()
    close = f"above {RUNS_AWAY_ABOVE:g} of the critical rate"
    return (f"{close} SGD can run away from the minimum for good",)


def _rounded_down(rate: float) -> float:
    """To four digits: rates below it are stable."""
    unit = 10.0 ** (floor(log10(rate)) - 3)
    return floor(rate / unit) * unit


def _lost_axes(validity: Validity) -> tuple[str, ...]:
    """Say that an axis is lost and found again where the fluctuation exceeds its value."""
    if validity.threshold <= 1:
        return ()
    return (
        f"the fluctuation exceeds a singular value, {validity.threshold:.3g} times: near its "
        "threshold an axis is lost and found again, and drifts much faster than these numbers "
        "say; trust none of this axis, and move weight decay, a gain or an input variance away "
        "from the threshold, or lower learning.rate",
    )


def _doubts(problem: LearningProblem) -> tuple[str, ...]:
    """What was decided about the data that could have been read otherwise."""
    source = problem.inputs.source
    return (source.remark,) if source is not None and source.remark else ()
