"""Corrected predictions and the limits of the leading order beside simulations at finite rates.

    python benchmarks/next_order.py [--precision P] [--table NAME] [--forms]

The first table has the excess loss of isotropic autoencoders over its leading order: what the
critical rate says, ``1 / (1 - eta / eta_c)``, what the next order says, and simulations, which may
diverge only from where the theory warns that they can.  The second has every number that `validate`
measures without reading it off representations, and squared norms, at ``eta h_max = 0.1`` or at the
study's own rate: by how much the leading order and the corrected prediction are off.  What the
critical rate says in the first table and the corrected predictions of the second fail where they
are off by more than 3 %, two standard errors apart, or the simulation is too short to tell; the
exit code is then 1.

The third has how second moments of linearised steps grow 10 % below the critical rate and 10 %
above it, and fails where they do not shrink, or do not grow, by four standard errors.  The fourth
has the Gram matrix of the bottleneck beside that of simulated representations, at its own rate and
a quarter of it.  It fails like the second, entries taken relative to the lengths of both
representations, and where one that vanishes by symmetry is four standard errors from zero.  With
``--table`` there is one of the four alone.

With ``--forms`` there is another table alone: how far the corrected numbers of every shipped study
are off at several rates, and how far they would be if their correction ``c`` were the beginning of
another form than ``1 + c``.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import combinations_with_replacement, product
from typing import NamedTuple

import numpy as np
from linearised import simulated_growth
from slopes import of_two_layers

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import validity
from symdrift.evaluation.validity import RUNS_AWAY_ABOVE
from symdrift.inputs import Gaussian
from symdrift.observables import observe
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.validation.expected import theory_of
from symdrift.validation.one_look import planned_rate
from symdrift.validation.plan import at_learning_rate
from symdrift.validation.rows import READ_OFF
from symdrift.validation.validate import validate_rate

ALLOWED = 0.03
"""Relative difference of a prediction from the simulation."""

ISOTROPIC = ((4, 0.01), (16, 0.01), (64, 0.005), (32, 0.02), (64, 0.02))
"""Inputs, and learning rates."""

NETWORKS = 64
"""That are simulated of an isotropic autoencoder; few, since 64 inputs take long."""

STUDIES = {
    "anisotropic_autoencoder": 0.1,
    "teacher_label_noise": 0.1,
    "misaligned_teacher": 0.1,
    "bottleneck": None,
}
"""Rates, as ``eta h_max``; None for a study's own."""

CERTAIN = 4
"""Standard errors by which second moments grow or shrink, and what vanishes stays near zero."""

GRAM_RATES = (1.0, 0.25)
"""Of the Gram matrix, as shares of the study's own: what is left shrinks with the square."""

FORMS: dict[str, Callable[[float, float], float]] = {
    "leading order": lambda c, r: 1.0,
    "1 + c": lambda c, r: 1 + c,
    "1 / (1 - c)": lambda c, r: 1 / (1 - c),
    "exp c": lambda c, r: math.exp(c),
    "1 + c / (1 - r)": lambda c, r: 1 + c / (1 - r),
}
"""What multiplies the leading order, by its correction and the rate over the critical one."""

FORM_RATES = (0.05, 0.1, 0.2)
"""Of that table, as ``eta h_max``."""

FORM_ERROR = 0.01
"""Standard error of the simulations up to which a kind of quantity is in that table."""

FORM_SEED = 1
"""Of that table: random numbers are others than those of the second."""


def isotropic(size: int, rate: float) -> LearningProblem:
    """The autoencoder with inputs of unit variance, weight decay 0.2 and label noise 0.09."""
    unit = np.eye(size)
    return LearningProblem(
        study="isotropic", hidden=size, inputs=Gaussian(unit), teacher=unit,
        label_noise=np.full(size, 0.09), learning_rate=rate, weight_decay=0.2, batch=1,
        synaptic_noise=0.0, stimuli=(Stimulus("axis 1", unit[0]),),
    )  # fmt: skip


def fails(off: float, error: float) -> bool:
    """Whether a prediction is off by more than is allowed, or the simulation cannot tell."""
    return bool(abs(off) > ALLOWED + 2 * error or 6 * error > ALLOWED)


def limits_of_the_leading_order() -> bool:
    """Print the first table; whether all of it holds."""
    print("| n | eta | eta h_max | eta / eta_c | critical rate | next order | simulated |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    held = True
    for size, rate in ISOTROPIC:
        problem = isotropic(size, rate)
        theory = theory_of(problem)
        critical = theory.validity.rate_over_critical
        growth = 1 / (1 - critical)
        try:
            row = validate_rate(problem, replicas=NETWORKS, theory=theory).row("excess loss")
            simulated, error = row.simulation / row.theory, row.standard_error / row.theory
            failed = fails(growth / simulated - 1, error / simulated)
            seen = f"{simulated:.4f} ± {error:.2g}"
        except RequestError as refusal:
            failed = "diverge" not in str(refusal) or critical < RUNS_AWAY_ABOVE
            seen = "diverges"
        assert theory.next_order is not None
        correction = theory.next_order.fluctuation.excess_loss
        assert correction is not None
        held &= not failed
        print(
            f"| {size} | {rate:g} | {theory.validity.rate_times_curvature:.3f} | {critical:.3f} | "
            f"{growth:.3f} | {1 + correction * rate:.3f} | {seen}{' (fails)' * failed} |",
            flush=True,
        )
    return held


class Deviation(NamedTuple):
    """What predictions of a quantity are off by, and standard error, relative to simulation."""

    quantity: str
    leading: float
    corrected: float
    error: float

    @property
    def correction(self) -> float:
        """Of the next order, relative to the leading one."""
        return (1 + self.corrected) / (1 + self.leading) - 1


def deviations(problem: LearningProblem, precision: float, seed: int = 0) -> Iterator[Deviation]:
    """Those of all numbers that do not vanish."""
    theory = theory_of(problem)
    assert theory.next_order is not None
    run = planned_rate(problem, precision, seed, theory)
    rate = problem.learning_rate

    def entry(name: str, leading: float, term: float, simulated: float, error: float) -> Deviation:
        corrected = leading + term * rate
        return Deviation(
            name, leading / simulated - 1, corrected / simulated - 1, abs(error / simulated)
        )

    for row in run.rows:
        if row.correction and row.ratio is not None and not row.quantity.startswith(READ_OFF):
            yield entry(
                row.quantity, row.theory, row.correction * row.scale, row.simulation,
                row.standard_error,
            )  # fmt: skip
    similarity = run.similarity
    for k, (stimulus, later) in enumerate(
        zip(theory.stimuli, theory.next_order.stimuli, strict=True)
    ):
        if later.squared_norm is not None:
            yield entry(
                f"squared norm of {stimulus.name}", stimulus.squared_norm,
                stimulus.squared_norm * later.squared_norm,
                similarity.simulation[k, k], similarity.standard_error[k, k],
            )  # fmt: skip


def corrected_predictions(precision: float) -> bool:
    """Print the second table; whether all of it holds."""
    print("\n| study | eta h_max | quantity | leading order | corrected | standard error |")
    print("| --- | --- | --- | --- | --- | --- |")
    held = True
    for name, asked in STUDIES.items():
        own = read_study(name).problem()
        stiffness = theory_of(own).minimum.hessian_max
        asked = own.learning_rate * stiffness if asked is None else asked
        problem = at_learning_rate(own, asked / stiffness)
        for quantity, leading, corrected, error in deviations(problem, precision):
            failed = fails(corrected, error)
            held &= not failed
            print(
                f"| {name} | {asked:.3g} | {quantity} | {leading:+.2%} | "
                f"{corrected:+.2%}{' (fails)' * failed} | {error:.2%} |",
                flush=True,
            )
    return held


def bracketed_critical_rates() -> bool:
    """Print the third table; whether all of it holds."""
    print("\n| study | eta_c | log growth per step at 0.9 eta_c | at 1.1 eta_c |")
    print("| --- | --- | --- | --- |")
    bracketed = (
        (isotropic(8, 0.01), 1000), (isotropic(32, 0.01), 200),
        (read_study("bottleneck").problem(), 2000),
        (read_study("misaligned_teacher").problem(), 2000),
    )  # fmt: skip
    held = True
    for problem, networks in bracketed:
        critical = validity(problem).critical_rate
        cells = []
        for share, sign, what in ((0.9, -1, "shrinks"), (1.1, 1, "grows")):
            at_rate = replace(problem, learning_rate=share * critical)
            growth, error = simulated_growth(at_rate, networks)
            failed = sign * (growth - 1) < CERTAIN * error
            held &= not failed
            cells.append(
                f"{math.log(growth):+.5f} ± {error / growth:.1g}, {'fails' if failed else what}"
            )
        name = f"{problem.study}, n = {len(problem.input_covariance)}"
        print(f"| {name} | {critical:.5g} | {' | '.join(cells)} |", flush=True)
    return held


def gram_matrix(precision: float) -> bool:
    """Print the fourth table; whether all of it holds."""
    print("\n| eta | entry | leading order | corrected | simulated | off | corrected off | z |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    own, held = read_study("bottleneck").problem(), True
    for share in GRAM_RATES:
        problem = at_learning_rate(own, share * own.learning_rate)
        seen = planned_rate(problem, precision, 0).similarity
        corrected = observe(problem, np.ones(1)).similarity.gram
        lengths = np.sqrt(np.diagonal(seen.simulation))
        for entry in combinations_with_replacement(range(len(lengths)), 2):
            first, second = entry
            size = lengths[first] * lengths[second]
            simulated, error = seen.simulation[entry], seen.standard_error[entry]
            off, before = ((part[entry] - simulated) / size for part in (corrected, seen.minimum))
            z = (simulated - corrected[entry]) / error
            failed = fails(off, error / size) or bool(first != second and abs(z) > CERTAIN)
            held &= not failed
            print(
                f"| {problem.learning_rate:g} | {first + 1}, {second + 1} | "
                f"{seen.minimum[entry]:.6f} | {corrected[entry]:z.6f} | "
                f"{simulated:z.6f} ± {error:.2g} | {before:+z.2%} | {off:+z.2%}"
                f"{' (fails)' * failed} | {z:+.1f} |",
                flush=True,
            )
    return held


def kind(quantity: str) -> str:
    """What a quantity is, without its indices; both of the fluctuation are one."""
    if quantity in ("weight variance", "excess loss"):
        return "fluctuation"
    return re.sub(r"\[.*\]| of .*", "", quantity)


def other_forms(precision: float) -> None:
    """Print what each form is off by, the worst of each kind of quantity."""
    print(f"| study | eta h_max | r | kind | {' | '.join(FORMS)} | standard error |")
    print(f"| --- | --- | --- | --- | {'--- | ' * len(FORMS)}--- |")
    for name, asked in product(of_two_layers(), FORM_RATES):
        own = read_study(name).problem()
        if (theory := theory_of(own)).next_order is None:
            continue
        problem = at_learning_rate(own, asked / theory.minimum.hessian_max)
        with suppress(RequestError):
            share = theory_of(problem).validity.rate_over_critical
            found = list(deviations(problem, precision, FORM_SEED))
            for what in dict.fromkeys(kind(each.quantity) for each in found):
                alike = [each for each in found if kind(each.quantity) == what]
                if max(each.error for each in alike) > FORM_ERROR:
                    continue
                off = [
                    max(
                        ((1 + each.leading) * form(each.correction, share) - 1 for each in alike),
                        key=abs,
                    )
                    for form in FORMS.values()
                ]
                print(
                    f"| {name} | {asked:g} | {share:.2f} | {what} | "
                    f"{' | '.join(f'{each:+.2%}' for each in off)} | "
                    f"{max(each.error for each in alike):.2%} |",
                    flush=True,
                )


def main() -> None:
    """Print the four tables, or one of them, or the other one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--precision", type=float, default=0.0015)
    parser.add_argument("--forms", action="store_true")
    tables: dict[str, Callable[[], bool]] = {
        "limits": limits_of_the_leading_order,
        "corrected": lambda: corrected_predictions(precision),
        "critical": bracketed_critical_rates,
        "gram": lambda: gram_matrix(precision),
    }
    parser.add_argument("--table", choices=tables)
    given = parser.parse_args()
    precision = given.precision
    if given.forms:
        other_forms(precision)
        return
    held = [table() for name, table in tables.items() if given.table in (None, name)]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
