"""Quantities of the theory beside what simulations measure of them, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.validity import towards_critical
from symdrift.records import Record
from symdrift.simulation.estimators import Estimate, Estimates, Observables
from symdrift.validation.expected import following
from symdrift.validation.judgement import Verdict, is_confirmed
from symdrift.validation.plan import mean_rotation_scales

TOLERATED_STIFFNESS = 3.0
"""Prefactor that corrections of relative order ``eta h_max`` may have where they are not known."""

SECOND_ORDER = 2.0
"""Relative correction of second order that may be met, over the square of that of first order."""

FEW_PLANES = 3
VANISHING = 1e-6
"""Correlations between planes below this are rows only where there are few planes."""

ROUNDING = 1e-12
"""Beside its scale, of a quantity that vanishes."""

READ_OFF = ("D_h[", "excess norm of ")
"""Beginnings of quantities read off representations, whose errors no plan foresees.

Each of them decides where it is known well enough, and is shown only where it is not.
"""

NEGLIGIBLE = 1e-3
"""A theoretical value this small beside the standard error has no meaningful ratio."""

CERTAIN_RATIO = 0.1
"""Standard error of an extrapolated ratio beyond which it says nothing."""


@dataclass(frozen=True)
class Row(Record):
    """One quantity, from theory and from simulation.

    Attributes
    ----------
    quantity : str
    theory, simulation, standard_error : float
        Per SGD step.
    allowance : float
        Deviation allowed on top of the standard errors, for higher orders in the rate.
    scale : float
        Size beside which deviations are judged: that of the theory, or its natural size where
        a quantity vanishes or nearly so.
    correction : float or None
        Deviation over ``scale`` that the next order predicts, per unit of the learning rate;
        ``None`` where it is not known.
    at_zero : float or None
        Theory without what is of higher order than the rest, where there is such a part.
    predicted : float or None
        Theory with its next order at this learning rate, by which a row is judged where it is
        known; with synaptic noise in a fluctuation that of the rest.
    parts : (float, float) or None
        Where synaptic noise has a share in a fluctuation: relative change of the rest at this
        learning rate, and that share.
    unknown : float
        What of the allowance is for a next order that is not known.
    """

    behind = MappingProxyType(
        {"z": "standard_error", "ratio": "z", "predicted": "ratio", "predicted_z": "predicted"}
    )
    unwritten = ("allowance", "scale", "correction", "at_zero", "parts", "unknown")

    quantity: str
    theory: float
    simulation: float
    standard_error: float
    allowance: float
    scale: float
    correction: float | None = None
    at_zero: float | None = None
    predicted: float | None = None
    parts: tuple[float, float] | None = None
    unknown: float = 0.0

    @property
    def z(self) -> float:
        """Deviation from the theory at leading order, in standard errors."""
        return (self.simulation - self.theory) / self.standard_error

    @property
    def deviation(self) -> float:
        """From the prediction that the row is judged by."""
        return self.simulation - (self.theory if self.predicted is None else self.predicted)

    @property
    def predicted_z(self) -> float:
        """That deviation in standard errors."""
        return self.deviation / self.standard_error

    @property
    def missed_by(self) -> Estimate:
        """That deviation, relative to the scale."""
        return Estimate(self.deviation / self.scale, self.standard_error / self.scale)

    @property
    def excused(self) -> float:
        """What higher orders may account for of it."""
        return self.allowance / self.scale

    @property
    def is_slight(self) -> bool:
        """Whether it does not vanish, and is judged beside a size larger than its own."""
        return NEGLIGIBLE * self.standard_error < abs(self.theory) < (1 - NEGLIGIBLE) * self.scale

    def is_missed(self, allowed: float) -> bool:
        """Whether so many standard errors do not explain that deviation."""
        return not abs(self.predicted_z) <= allowed

    def judge(self, allowed: float, units: int) -> Verdict:
        """Whether the number is missed, or known well enough to be right.

        Parameters
        ----------
        allowed : float
            Standard errors by which it may be missed, on top of its allowance.
        units : int
            Independent units that these rest on.
        """
        deviation = abs(self.deviation)
        if not deviation <= allowed * self.standard_error + self.allowance:
            return Verdict.DISAGREE
        found = self.missed_by
        # An order that is not known may hide as large an error as it may explain.
        hidden = self.unknown / self.scale if self.is_missed(allowed) else 0.0
        right = is_confirmed(abs(found.value) + hidden, found.standard_error, units)
        return Verdict.AGREE if right else Verdict.UNDECIDED

    @property
    def ratio(self) -> float | None:
        """Simulation over theory; ``None`` where theory is zero beside the standard error."""
        if abs(self.theory) <= NEGLIGIBLE * self.standard_error:
            return None
        return self.simulation / self.theory


@dataclass(frozen=True)
class ExtrapolatedRow:
    """One quantity at the study's learning rate, and its ratio as the rate goes to zero.

    Attributes
    ----------
    measured : Row
        At the study's learning rate.
    deviation : Estimate or None
        ``(simulation - theory) / scale`` extrapolated to rate zero, where theory says 0;
        ``None`` when an interrupt left fewer than two learning rates.
    slope : Estimate or None
        Of that deviation against ``eta h_max``, as the simulations have it, its error with what
        the order behind may do to it: per ``scale``, which is not the theory for mean rotations
        and what vanishes (`of_ratio`).
    curvature : float
        What the order behind that of the line may do to the extrapolated deviation: the square of
        the correction at each rate, as far as the line takes it for a deviation at rate zero.
    predicted_slope : float or None
        By the next order in the learning rate, where it is known; the line to rate zero has it.
    """

    measured: Row
    deviation: Estimate | None
    slope: Estimate | None
    curvature: float = 0.0
    predicted_slope: float | None = None

    @property
    def quantity(self) -> str:
        return self.measured.quantity

    @property
    def is_slight(self) -> bool:
        """That of what was measured at the study's learning rate."""
        return self.measured.is_slight

    @property
    def ratio(self) -> Estimate | None:
        """Extrapolated simulation over theory, where theory is large enough for a ratio."""
        if self.deviation is None:
            return None
        theory, scale = self._theory, self.measured.scale
        if abs(theory) * CERTAIN_RATIO < self.deviation.standard_error * scale:
            return None
        factor = scale / theory
        return Estimate(
            1.0 + factor * self.deviation.value, abs(factor) * self.deviation.standard_error
        )

    @property
    def z(self) -> float | None:
        """Extrapolated deviation in standard errors."""
        if self.deviation is None:
            return None
        return self.deviation.value / self.deviation.standard_error

    @property
    def missed_by(self) -> Estimate | None:
        """The deviation that is judged."""
        return self.deviation

    @property
    def excused(self) -> float:
        """What higher orders may account for of it."""
        return self.curvature

    @property
    def slope_z(self) -> float | None:
        """Fitted slope less the predicted one, in standard errors, where both are known."""
        if self.slope is None or self.predicted_slope is None:
            return None
        return (self.slope.value - self.predicted_slope) / self.slope.standard_error

    def is_missed(self, allowed: float) -> bool:
        """Whether so many standard errors do not explain what limit or slope are missed by."""
        return any(abs(z) > allowed for z in (self.z, self.slope_z) if z is not None)

    @property
    def ratio_slope(self) -> float | None:
        """Of the line by which the ratio was extrapolated, against ``eta h_max``."""
        slope = self.predicted_slope
        if slope is None:
            if self.slope is None:
                return None
            slope = self.slope.value
        return self.of_ratio * slope

    @property
    def of_ratio(self) -> float:
        """Slope of the ratio over that of the deviation: the scale over the theory."""
        return self.measured.scale / self._theory

    @property
    def _theory(self) -> float:
        """Of which the ratio at rate zero is one."""
        at_zero = self.measured.at_zero
        return self.measured.theory if at_zero is None else at_zero

    def judge(self, allowed: float, units: int) -> Verdict:
        """Whether the limit is missed, or known well enough to be right.

        It is not known where the slope that leads to it is not that of the simulations.

        Parameters
        ----------
        allowed : float
            Standard errors by which it may be missed.
        units : int
            Independent units that these rest on.
        """
        if self.deviation is None:
            return Verdict.UNDECIDED
        deviation, error = abs(self.deviation.value), self.deviation.standard_error
        if deviation > allowed * error + self.curvature:
            return Verdict.DISAGREE
        # What the next order may account for decides nothing, nor does what it may have hidden.
        if self.is_missed(allowed) or not is_confirmed(deviation + self.curvature, error, units):
            return Verdict.UNDECIDED
        return Verdict.AGREE

    def to_dict(self) -> dict[str, Any]:
        """Plain Python types, for JSON; slopes and curvature are per ``scale``, which is there."""
        ratio = self.ratio
        return {
            **self.measured.to_dict(),
            "extrapolated_ratio": None if ratio is None else ratio.value,
            "extrapolated_standard_error": None if ratio is None else ratio.standard_error,
            "extrapolated_z": self.z,
            "slope": None if self.slope is None else self.slope.value,
            "slope_standard_error": None if self.slope is None else self.slope.standard_error,
            "predicted_slope": self.predicted_slope,
            "slope_z": self.slope_z,
            "curvature": self.curvature,
            "scale": self.measured.scale,
        }


def row_of(
    quantity: str,
    expected: float,
    found: Estimate,
    scale: float,
    term: float,
    rate: float,
    stiffness: float,
    ratio: float = 0.0,
) -> Row:
    """A quantity that the next order changes by ``term`` per unit of the rate, if it is known.

    A small next order says little of those behind, which grow with the ``ratio`` to the critical
    rate; but what vanishes does so at every order.
    """
    if abs(expected) < ROUNDING * scale:
        expected = 0.0
    correction = None if math.isnan(term) else float(term / scale)
    allowed = TOLERATED_STIFFNESS * stiffness
    if correction is not None:
        change = abs(correction * rate)
        allowed = max(SECOND_ORDER * change**2, towards_critical(change, ratio if change else 0.0))
    return Row(
        quantity=quantity,
        theory=float(expected),
        simulation=found.value,
        standard_error=found.standard_error,
        allowance=float(allowed * scale),
        scale=float(scale),
        correction=correction,
        predicted=None if correction is None else float(expected + rate * correction * scale),
        unknown=float(allowed * scale) if correction is None else 0.0,
    )


def rows_of(
    theory: Evaluation, observed: Observables, measured: Estimates, rate: float, slowest_rate: float
) -> Iterator[Row]:
    """Every quantity that is predicted, beside its estimate from one run.

    What stands still has no size that a deviation could be compared with, and no rows.
    """
    stiffness = rate * theory.minimum.hessian_max
    ratio = rate / theory.validity.critical_rate
    row = partial(row_of, rate=rate, stiffness=stiffness, ratio=ratio)
    drift, later = theory.drift, following(theory)
    names = ["".join(map(str, plane)) for plane in drift.planes]
    if any(max(plane) > 9 for plane in drift.planes):
        names = [f"{first},{second}" for first, second in drift.planes]
    variances = drift.variances
    for (left, right), found in zip(observed.pairs, measured.covariance, strict=True):
        if left == right and (variance := variances[left]) > 0:
            term = later.variances[left]
            yield row(f"V[{names[left]}]", variance, found, variance, term)
    crossed = [
        (pair, found)
        for pair, found in zip(observed.pairs, measured.covariance, strict=True)
        if pair[0] != pair[1] and variances[list(pair)].all()
    ]
    # Made when it is asked for, where planes are independent: once, and of few planes only.
    covariance = drift.covariance if crossed else None
    for (left, right), found in crossed:
        assert covariance is not None
        expected = covariance[left, right]
        scale = math.sqrt(variances[left] * variances[right])
        if len(names) <= FEW_PLANES or abs(expected) > VANISHING * scale:
            term = later.crossed(left, right)
            yield row(f"V[{names[left]};{names[right]}]", expected, found, scale, term)
    for name, expected, scale, found, term in zip(
        names,
        drift.mean_rotation,
        mean_rotation_scales(drift, slowest_rate),
        measured.mean_rotation,
        later.mean_rotation,
        strict=True,
    ):
        if scale > 0:
            mean = row(f"mu[{name}]", expected, found, scale, term)
            if mean.correction is None:
                allowed = TOLERATED_STIFFNESS * stiffness * abs(expected)
                mean = replace(mean, allowance=allowed, unknown=allowed)
            yield mean
    for stimulus, found, term in zip(
        theory.stimuli, measured.stimulus_diffusion, later.stimulus_diffusion, strict=False
    ):
        if (size := stimulus.diffusion) > 0:
            yield row(f"D_h[{stimulus.name}]", size, found, size, term)
    fluctuation = theory.fluctuation
    share = fluctuation.weight_variance / (2.0 * float(np.sum(theory.minimum.singular_values)))
    for index, (stimulus, relative) in enumerate(
        zip(theory.stimuli, later.squared_norm, strict=True)
    ):
        if relative and math.isfinite(relative):
            size, change = float(stimulus.squared_norm), rate * float(relative)
            found = measured.similarity[index][index]
            # The next order makes it, also where mean and fluctuation of the weights cancel. Each
            # order behind is as much smaller as the rate is below the critical one.
            made = max(abs(change), float(share))
            allowed = SECOND_ORDER * max(made, towards_critical(1.0, ratio))
            excess = Estimate(found.value - size, found.standard_error)
            yield replace(
                row(f"excess norm of {stimulus.name}", change * size, excess, made * size, np.nan),
                allowance=allowed * made * size,
                predicted=change * size,
                unknown=0.0,
            )
    for quantity, size, found, term in (
        (
            "weight variance",
            fluctuation.weight_variance,
            measured.weight_variance,
            later.weight_variance,
        ),
        ("excess loss", fluctuation.excess_loss, measured.excess_loss, later.excess_loss),
    ):
        compared = row(quantity, size, found, size, term)
        change, share = later.parts.get(quantity, (0.0, 0.0))
        if share:
            change *= rate
            unknown = TOLERATED_STIFFNESS * stiffness * share * size
            compared = replace(compared, parts=(change, share))
            if compared.predicted is None:
                compared = replace(
                    compared,
                    predicted=(1 + (1 - share) * change) * size,
                    allowance=SECOND_ORDER * (1 - share) * change**2 * size + unknown,
                    unknown=unknown,
                )
        yield compared
