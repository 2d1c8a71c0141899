"""Documents of studies without a closed form, and checks that a wrong stage does not pass."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.derivation.steps import Derivation, Step
from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import ANY_MAP, KURTOSIS, SLOPE
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation import dense
from symdrift.evaluation.evaluate import evaluate
from symdrift.kernels.standalone import write_kernels
from symdrift.study import Study, read_study
from symdrift.theory.derive import derive
from symdrift.theory.examples import Examples
from symdrift.theory.fixed_points import minimum, optimality
from symdrift.theory.hessian import curvature
from symdrift.theory.linear.maps import GAUSSIAN_ON_MAPS, elliptical_noise
from symdrift.theory.linear.minimum import HESSIAN_ON_MAPS, Minimum, Plane
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.two_axes import LABEL_NOISE, S_1, S_2, TILT, TwoAxes
from symdrift.theory.misaligned import _small_angle, two_axes
from symdrift.theory.noise import noise, other_inputs
from symdrift.theory.representation import representation
from symdrift.theory.results import results, synaptic_results
from symdrift.theory.steady_rotation import rotation
from symdrift.theory.subject import subject_of
from symdrift.theory.synaptic_noise import synaptic_noise
from symdrift.theory.task import task

Section = Callable[[], Iterable[Step]]


@pytest.fixture(scope="module")
def misaligned() -> Derivation:
    return derive(read_study("misaligned_teacher"))


def test_the_general_theory_comes_before_the_explicit_case(misaligned: Derivation) -> None:
    assert list(dict.fromkeys(step.section for step in misaligned.steps)) == [
        "Setting",
        "The minimum",
        "Symmetry and the manifold of minima",
        "The normal space and its Hessian",
        "Gradient noise",
        "Fluctuation in the normal space",
        "Drift as a stochastic area",
        "Drift of representations",
        "Mean-square stability",
        "Balance of the layers",
        "What limits the leading order",
        "The next order in the learning rate",
        "Noise of the synapses",
        "Two misaligned axes",
        "Results for this study",
    ]
    assert all(step.checks and all(c.passed for c in step.checks) for step in misaligned.steps)


def test_a_general_derivation_survives_the_cache(misaligned: Derivation) -> None:
    """What changes when it is unpickled would be derived again each time."""
    assert pickle.loads(pickle.dumps(misaligned)) == misaligned


def test_the_displayed_rate_is_that_of_full_matrices(misaligned: Derivation) -> None:
    """The equations of the document, as they stand, at the numbers of the numerical minimum."""
    problem = read_study("misaligned_teacher").problem()
    found = dense.solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    axes = found.first_layer / np.sqrt(found.singular_values)[:, np.newaxis]
    covariance = axes @ problem.input_covariance @ axes.T
    numbers = {
        "s_1": found.singular_values[0],
        "s_2": found.singular_values[1],
        "Sigma_11": covariance[0, 0],
        "Sigma_12": covariance[0, 1],
        "Sigma_22": covariance[1, 1],
        "gamma": problem.weight_decay,
        "eta": problem.learning_rate,
        "B": 1.0,
        "det_Sigma": np.linalg.det(covariance),
    }
    for label in ("rate-gaussian", "rate-common"):
        equation = misaligned.equation(label).expression
        numbers[equation.lhs.name] = float(
            equation.rhs.xreplace(
                {s: sp.Float(numbers[s.name], 30) for s in equation.rhs.free_symbols}
            )
        )
    rate = misaligned.equation("explicit-rate").expression.rhs
    value = float(rate.xreplace({s: sp.Float(numbers[s.name], 30) for s in rate.free_symbols}))
    drift = dense.evaluate(problem).drift
    assert value == pytest.approx(drift.mean_rotation[0], rel=1e-10)
    shown = float(misaligned.equation("study-mean").expression.rhs)
    assert shown == pytest.approx(drift.mean_rotation[0], rel=1e-5)
    spread = float(misaligned.equation("study-spread").expression.rhs)
    assert spread == pytest.approx(drift.covariance[0, 0], rel=1e-5)
    steps = int(misaligned["study-rate"].symbols["steps"])
    assert steps == pytest.approx(drift.covariance[0, 0] / drift.mean_rotation[0] ** 2, rel=0.05)


def test_rates_that_the_next_order_changes_are_said_to_be_of_leading_order(
    misaligned: Derivation,
) -> None:
    found = evaluate(read_study("misaligned_teacher").problem())
    assert found.expected_error("drift.mean_rotation.1-2") > 0.01
    for label in ("frame-mean", "explicit-rate"):
        (step,) = (s for s in misaligned.steps if label in {e.label for e in s.equations})
        assert "leading order" in step.prose
        assert "exact" not in (step.title + step.prose).lower()


@pytest.mark.parametrize("name", ["stimulus_set", "digits"])
def test_a_study_without_formulas_has_a_document_and_no_kernels(name: str, tmp_path: Path) -> None:
    study = read_study(name)
    derivation = derive(study)
    assert derivation["study"].section == "Results for this study"
    assert "no kernel file" in derivation["study"].prose
    assert write_kernels(study, tmp_path) == []
    values = derivation.equation("study-values").expression.rhs
    problem = study.problem()
    found = dense.solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    assert [float(value) for value in values] == pytest.approx(found.singular_values, rel=1e-5)


LABELS_APART = """
network = { inputs = 2, outputs = 2, hidden = 2 }
inputs = { covariance = [[2, 0.5], [0.5, 1]] }
teacher = { map = "identity", label_noise = [0.1, 0.2] }
learning = { rate = 0.005, weight_decay = 0.2 }
"""


@pytest.mark.parametrize("name", ["digits", "elliptical", "stimulus_set"])
def test_the_minimum_of_an_autoencoder_has_a_formula_whatever_its_inputs(name: str) -> None:
    *_, step = task(read_study(name))
    assert "share their axes" in step.prose
    assert "fourth moments of Gaussian inputs" in step.prose
    assert "study-axis" in {equation.label for equation in step.equations}


def test_a_document_says_what_keeps_a_study_from_the_closed_form(
    write_study: Callable[[str], Path],
) -> None:
    misaligned, _ = task(read_study("misaligned_teacher"))
    assert "share no axes" in misaligned.prose
    assert "study-axis" not in {equation.label for equation in misaligned.equations}
    (labels,) = task(read_study(write_study(LABELS_APART)))
    assert "But the label noise is correlated between the output axes" in labels.prose
    (turned,) = task(read_study(write_study(ROTATED)))
    assert "It is not written in these axes" in turned.prose


def test_the_notation_lists_what_a_document_uses(misaligned: Derivation) -> None:
    rows = {str(row.symbol): row.role for row in misaligned.notation}
    assert {"K", "Y", "Q", "F_map", "theta", "n_t", "zeta_t", "xi_t"} <= set(rows)
    # There is no label noise, and no axis that two matrices share but in the expansion.
    assert "label_noise" not in rows.values()
    assert {"gain", "input_variance"} <= set(rows.values())
    without = {row.role for row in derive(read_study("stimulus_set")).notation}
    assert not {"label_noise", "diffusion_tensor"} & without


DATA = """
network = { inputs = 2, outputs = 2, hidden = 2 }
learning = { rate = 0.002, weight_decay = 0.1 }
"""
ROWS = np.random.default_rng(6).normal(size=(40, 2)).round(3)


def derived_text(study: Study) -> str:
    """Everything that a document says of the inputs."""
    derivation = derive(study)
    meanings = [row.meaning for row in derivation.notation]
    steps = (derivation["loss"], derivation["study"])
    said = [text for step in steps for text in (step.prose, *step.assumptions)]
    return "\n".join([*meanings, *said])


@pytest.mark.parametrize(
    "inputs",
    [
        'distribution = "samples"\nfile = "x.csv"',
        'distribution = "samples"\nfile = "x.csv"\ncolumns = ["b", "a"]',
        'distribution = "stimuli"\nstimuli = [[1, 0], [0, 1], [1, 1]]\n'
        "probabilities = [0.5, 0.25, 0.25]",
    ],
)
def test_a_document_never_says_zero_mean_of_data(
    inputs: str,
    tmp_path: Path,
    write_study: Callable[[str], Path],
) -> None:
    np.savetxt(tmp_path / "x.csv", ROWS + 1, delimiter=",", header="a,b", comments="")
    study = read_study(write_study(f"{DATA}[inputs]\n{inputs}"))
    text = derived_text(study)
    assert "zero mean" not in text
    assert "Inputs have the second moment {Sigma} about zero" in text
    problem = study.problem()
    mean, power = problem.inputs.mean, np.trace(problem.input_covariance)
    assert f"mean of the inputs holds {100 * mean @ mean / power:.3g} % of their power" in text
    assert "{Sigma} is their second moment about zero" in text


def test_a_document_says_what_was_read_and_follows_the_file(
    tmp_path: Path,
    write_study: Callable[[str], Path],
) -> None:
    inputs = '[inputs]\ndistribution = "samples"\nfile = "x.csv"\ncenter = true\ncomponents = 2'
    path = write_study(DATA + inputs)
    wide = ROWS @ np.array([[1, 0.2, 3], [0.5, 1, -1]])
    np.savetxt(tmp_path / "x.csv", wide, delimiter=",", header="a,b,c", comments="")
    text = derived_text(read_study(path))
    assert "40 rows of 3 columns, named by a header, less the mean of each column" in text
    assert "their 2 leading principal components, which hold 100 % of the variance" in text
    assert "The inputs have no mean, so that {Sigma} is their covariance" in text
    np.savetxt(tmp_path / "x.csv", wide[:30], delimiter=",")
    text = derived_text(read_study(path))
    assert "30 rows of 3 columns, without a header" in text


def test_gaussian_inputs_have_zero_mean(misaligned: Derivation) -> None:
    assert "Inputs have zero mean and covariance {Sigma}" in misaligned["loss"].assumptions[0]


def test_data_with_open_symbols_have_a_second_moment(write_study: Callable[[str], Path]) -> None:
    inputs = (
        '[inputs]\ndistribution = "stimuli"\nstimuli = [[1, 0], [0, 1], ["x", "x"]]\n'
        "probabilities = [0.5, 0.25, 0.25]"
    )
    (step,) = task(read_study(write_study(DATA + inputs)))
    assert "leaves x open. {Sigma} is the second moment of these about zero." in step.prose


def test_open_symbols_leave_the_minimum_to_numbers() -> None:
    study = read_study("misaligned_teacher").with_values({"inputs.covariance.0.0": "tau_1"})
    (step,) = task(study)
    assert "leaves tau_1 open" in step.prose
    assert "must be found numerically" in step.prose


def test_heavy_tails_along_shared_axes_show_their_entries() -> None:
    first = next(iter(task(read_study("elliptical"))))
    assert first.identifier == "heavy-tails"


def test_synapses_add_to_an_aligned_study() -> None:
    """Three active axes and two silent units: the decay of one axis, plane by plane."""
    (step,) = synaptic_results(subject_of(read_study("synaptic_noise")))
    found = step.equations[-1].expression.rhs
    values = {1: 0.85, 2: 0.7, 3: 0.57}
    base, index = sp.IndexedBase("s"), sp.Symbol("i", integer=True, positive=True)
    explicit = found.subs(index, 1).subs(sp.Symbol("r", positive=True, integer=True), 3).doit()
    numbers = {base[k]: value for k, value in values.items()}
    numbers |= {
        item: {"synaptic": 0.1, "silent_units": 2}.get(item.name)
        for item in explicit.free_symbols
        if item.name in ("synaptic", "silent_units")
    }
    metrics = [2 * (0.85 + 0.7), 2 * (0.85 + 0.57), 2 * 0.85, 2 * 0.85]
    assert float(explicit.subs(numbers)) == pytest.approx(sum(0.01 / (2 * g) for g in metrics))


def test_numbers_outside_the_theory_are_refused() -> None:
    with pytest.raises(RequestError) as refusal:
        list(task(read_study("misaligned_teacher").with_values({"gamma": "5"})))
    assert refusal.value.field == "learning.weight_decay"


def curvature_without_exchange(minimum: ChosenMinimum) -> sp.ImmutableMatrix:
    """Hessian on learned maps without the gain from changing both layers together."""
    behind = sp.kronecker_product(sp.eye(minimum.network.outputs), minimum.input_covariance)
    decay = minimum.weight_decay * sp.eye(minimum.network.outputs * minimum.network.inputs)
    return sp.ImmutableMatrix(behind * minimum.overlap + decay)


def noise_of_one_pairing(minimum: Minimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    covariance = minimum.network.input_covariance
    missed = minimum.residual_map * covariance * minimum.residual_map.T
    return sp.ImmutableMatrix(
        (1 + kurtosis) * sp.kronecker_product(missed, covariance)
        + sp.kronecker_product(sp.diag(*minimum.network.label_noise), covariance)
    )


def noise_without_common_length(minimum: ChosenMinimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    flat = sp.Matrix([*minimum.slope])
    return sp.ImmutableMatrix(elliptical_noise(minimum, kurtosis) - kurtosis * flat * flat.T)


def doubled_solution(*arguments: Any) -> sp.ImmutableMatrix:
    return 2 * solve_operator(*arguments)


def turn_of_one_layer(minimum: ChosenMinimum, plane: Plane) -> sp.ImmutableMatrix:
    full = ORIGINAL_TURN(minimum, plane)
    return sp.ImmutableMatrix(full / 2)


def response_of_white_noise(case: TwoAxes) -> sp.ImmutableMatrix:
    return case.pull


ORIGINAL_TURN = ChosenMinimum.turn

SECTIONS: dict[str, Section] = {
    "minimum": lambda: minimum(Examples()),
    "optimality": lambda: optimality(Examples()),
    "curvature": lambda: curvature(Examples()),
    "noise": lambda: noise(Examples()),
    "other inputs": lambda: other_inputs(Examples()),
    "rotation": lambda: rotation(Examples()),
    "two axes": lambda: two_axes((KURTOSIS, LABEL_NOISE)),
    "small angle": lambda: [_small_angle(TwoAxes((KURTOSIS, LABEL_NOISE)))],
    "representation": lambda: representation(Examples()),
    "synaptic": lambda: synaptic_noise(Examples()),
}


@pytest.mark.parametrize(
    ("target", "replacement", "section", "step"),
    [
        (
            "symdrift.theory.linear.points.ChosenMinimum.residual_map",
            property(lambda minimum: minimum.slope),
            "optimality",
            "chosen",
        ),
        (
            "symdrift.theory.linear.points.ChosenMinimum.slope",
            property(lambda minimum: minimum.weight_decay * minimum.left * minimum.right.T / 2),
            "minimum",
            "slope",
        ),
        (
            "symdrift.theory.linear.points.ChosenMinimum.curvature",
            property(curvature_without_exchange),
            "curvature",
            "map-hessian",
        ),
        (
            "symdrift.theory.linear.normal_space.elliptical_noise",
            noise_of_one_pairing,
            "noise",
            "map-noise",
        ),
        (
            "symdrift.theory.noise.GAUSSIAN_ON_MAPS",
            GAUSSIAN_ON_MAPS - SLOPE * ANY_MAP.T * SLOPE,
            "noise",
            "map-noise",
        ),
        (
            "symdrift.theory.linear.minimum.HESSIAN_ON_MAPS",
            HESSIAN_ON_MAPS - GAMMA * ANY_MAP,
            "curvature",
            "map-hessian",
        ),
        (
            "symdrift.theory.noise.elliptical_noise",
            noise_of_one_pairing,
            "other inputs",
            "elliptical",
        ),
        (
            "symdrift.theory.noise.elliptical_noise",
            noise_without_common_length,
            "other inputs",
            "elliptical",
        ),
        (
            "symdrift.theory.linear.weight_space.solve_operator",
            doubled_solution,
            "rotation",
            "on-maps",
        ),
        (
            "symdrift.theory.linear.maps.solve_operator",
            doubled_solution,
            "rotation",
            "on-maps",
        ),
        (
            "symdrift.theory.linear.points.ChosenMinimum.turn",
            turn_of_one_layer,
            "rotation",
            "on-maps",
        ),
        (
            "symdrift.theory.linear.two_axes.TwoAxes.response",
            property(response_of_white_noise),
            "two axes",
            "two-axes-rate",
        ),
        ("symdrift.theory.misaligned.TILT", TILT * S_1 / S_2, "small angle", "small-angle"),
        (
            "symdrift.theory.representation.generator",
            lambda size, i, j: sp.ImmutableMatrix(size, size, lambda a, b: int((a, b) == (i, j))),
            "representation",
            "average-rotation",
        ),
        (
            "symdrift.theory.linear.points.AlignedMinimum.tangent",
            lambda minimum, plane: minimum.point,
            "synaptic",
            "synaptic",
        ),
    ],
)
def test_a_wrong_stage_stops_the_derivation(
    target: str, replacement: Any, section: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, replacement)
    with pytest.raises(CheckFailed, match=f'^step "{step}" failed its check: '):
        list(SECTIONS[section]())


ROTATED = """
network = { inputs = 2, outputs = 3, hidden = 2 }
inputs = { covariance = [["c", "c*rho"], ["c*rho", "c"]] }
teacher = { map = [["cos(phi)", "-sin(phi)"], ["sin(phi)", "cos(phi)"], [0, 0]] }
learning = { rate = "eta", weight_decay = "gamma" }
[values]
c = 1.0
rho = 0.4
phi = 0.7
gamma = 0.2
eta = 0.005
"""
ONE_OUTPUT = """
network = { inputs = 2, outputs = 1, hidden = 3 }
inputs = { covariance = ["l1", "l2"] }
teacher = { map = [["a1", "a2"]] }
learning = { rate = 0.005, weight_decay = 0.2 }
[values]
l1 = 2
l2 = 1
a1 = 1
a2 = 0.5
"""


@pytest.mark.parametrize("angle", ["phi", "phi/2 + 0.1", "-3*phi"])
def test_a_teacher_may_be_a_rotation_by_an_angle(
    write_study: Callable[[str], Path], angle: str
) -> None:
    noisy = ROTATED.replace("[0, 0]] }", '[0, 0]], label_noise = ["v", 0, "v"] }') + "v = 0.1\n"
    first = next(iter(task(read_study(write_study(noisy.replace("(phi)", f"({angle})"))))))
    assert all(check.passed for check in first.checks)
    # An isometry of inputs with variances 1.4 and 0.6 keeps 1 - 0.2/1.4 and 1 - 0.2/0.6.
    (shown,) = (e.expression.rhs for e in first.equations if e.label == "study-values")
    values = [float(value) for value in shown]
    assert values == pytest.approx([1 - 0.2 / 1.4, 1 - 0.2 / 0.6], rel=1e-5)
    assert "nothing can drift" not in first.prose


@pytest.mark.parametrize(
    ("phi", "signs"), [("0.7", (1, 1)), ("2.5", (-1, 1)), ("-0.7", (1, -1)), ("4", (-1, -1))]
)
def test_the_numbers_decide_the_sign_of_a_gain_that_is_an_expression(
    write_study: Callable[[str], Path], phi: str, signs: tuple[int, int]
) -> None:
    text = f"""
network = {{ inputs = 2, outputs = 2, hidden = 2 }}
inputs = {{ covariance = [2, 3] }}
teacher = {{ map = ["cos(phi)", "2*sin(phi)"] }}
learning = {{ rate = 0.005, weight_decay = 0.1 }}
[values]
phi = {phi}
"""
    study = read_study(write_study(text))
    angle = sp.Symbol("phi", positive=True)
    gains = [direction.gain.expand() for direction in subject_of(study).directions]
    assert gains == [signs[0] * sp.cos(angle), signs[1] * 2 * sp.sin(angle)]


def test_one_singular_value_stands_without_brackets_and_nothing_can_drift(
    write_study: Callable[[str], Path],
) -> None:
    (step,) = task(read_study(write_study(ONE_OUTPUT)))
    (values,) = (e.expression for e in step.equations if e.label == "study-values")
    assert values.lhs == sp.Symbol("s_1", positive=True)
    assert values.rhs.is_Float
    assert "nothing can drift" in step.prose
    assert "singular value [eq:" in step.prose


def aligned_minimum(write_study: Callable[[str], Path], text: str) -> Step:
    """The step on the minimum of an aligned study, which needs no example of the theory."""
    return next(iter(results(None, subject_of(read_study(write_study(text))))))  # type: ignore[arg-type]


ALIGNED = """
network = {{ inputs = {inputs}, outputs = {outputs}, hidden = {hidden} }}
inputs = {{ covariance = {covariance} }}
teacher = {{ map = {gains} }}
learning = {{ rate = 0.005, weight_decay = 0.1, synaptic_noise = {noise} }}
"""


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden", "noise", "still"),
    [(1, 1, 1, 0, True), (1, 3, 1, 0, True), (1, 1, 2, 0, True), (1, 1, 2, 1e-9, False),
     (2, 2, 1, 0, True), (2, 2, 2, 0, False)],
)  # fmt: skip
def test_the_document_says_where_nothing_can_drift(
    write_study: Callable[[str], Path],
    inputs: int,
    outputs: int,
    hidden: int,
    noise: float,
    still: bool,
) -> None:
    gains = [1.5, 1.2, 1.0][: min(inputs, outputs)]
    covariance = [2.0, 1.0][:inputs]
    text = ALIGNED.format(
        inputs=inputs, outputs=outputs, hidden=hidden, noise=noise, covariance=covariance,
        gains=gains,
    )  # fmt: skip
    step = aligned_minimum(write_study, text)
    assert ("nothing can drift" in step.prose) is still
    assert ("{axes}" in step.prose) is (hidden == inputs == 2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden", "gains", "said"),
    [
        (2, 3, 4, [1.3, 1.3], "One output without an input of its own, with a gain of 0"),
        (1, 3, 1, [1.3], "2 outputs without an input of their own, with a gain of 0"),
        (3, 2, 2, [1.3, 1.3], "One input that no output asks for, with a gain of 0"),
        (3, 3, 2, [1.3, 1.3, 0.0], "One input that no output asks for, with a gain of 0"),
        (3, 3, 2, [1.3, 1.3, 1.0], "One axis is left out and keeps its whole gain"),
        (3, 3, 1, [1.3, 1.2, 1.0], "2 axes are left out and keep their whole gains"),
    ],
)
def test_axes_without_gain_are_not_said_to_keep_one(
    write_study: Callable[[str], Path],
    inputs: int,
    outputs: int,
    hidden: int,
    gains: list[float],
    said: str,
) -> None:
    covariance = [3.0, 2.0, 1.0][:inputs]
    text = ALIGNED.format(
        inputs=inputs, outputs=outputs, hidden=hidden, noise=0, covariance=covariance, gains=gains
    )
    prose = aligned_minimum(write_study, text).prose
    assert said in prose
    assert ("whole gain" in prose) is ("whole gain" in said)


def test_entries_of_tensors_print_as_the_letters_that_they_are_entries_of(
    misaligned: Derivation,
) -> None:
    """Moments, covariance and residual map with indices, and not the names of their symbols."""
    names = ("entry", "fourth", "probability", "gradient", "stiffness", "turn")
    for label in ("moments", "contraction", "pairings", "stimulus-noise", "steady-entries"):
        latex = misaligned.equation(label).latex()
        assert not [name for name in names if name in latex], label
    assert r"\langle xxxx\rangle" in misaligned.equation("moments").latex()
