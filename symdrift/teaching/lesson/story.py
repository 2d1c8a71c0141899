"""The story that the page tells: seven steps, each with a question to answer by moving.

Prose uses the mark-up of derivations: ``{name}`` is inline mathematics by role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdrift.errors import enumerated
from symdrift.teaching.lesson.claims import Order, Setting


@dataclass(frozen=True)
class Picture:
    """A live figure: the identifier that the page's script draws by, and a caption."""

    identifier: str
    caption: str


@dataclass(frozen=True)
class Scene:
    """One step of the story.

    Attributes
    ----------
    identifier : str
        Anchor of the section, and name of the question's condition in the script.
    title : str
    prose : str
    equations : tuple of str
        Labels of the derivation's equations shown in this step.
    symbols : dict of str to str
        Meaning of each symbol that the step shows first, by role or by the symbol's name.
    pictures : tuple of Picture
    controls : tuple of str
        Keys of the sliders, or the first part of the keys of several.
    response : str
        What the exponents beside the sliders are of, in words; empty for a step without.
    question, reason : str
        What the reader is asked to reach, and why it is so, shown when it is reached.
    """

    identifier: str
    title: str
    prose: str
    equations: tuple[str, ...]
    symbols: dict[str, str]
    pictures: tuple[Picture, ...]
    controls: tuple[str, ...]
    response: str
    question: str
    reason: str


LAST_CONTROLS = ("frequency", "label_noise", "weight_decay")
"""Sliders of the last step, whose claims are found by walking them."""


def scenes(
    order: Order,
    errs_without_decay: bool,
    all_learned: bool,
    gains: bool,
    weight_variance_off: str,
    axis: str = "",
) -> tuple[Scene, ...]:
    """The steps of the story.

    Parameters
    ----------
    order : Order
        Which of the first two stimuli drifts faster, and what turns that around.
    errs_without_decay : bool
        Whether there are directions that no hidden unit is left for.
    all_learned : bool
        Whether every direction of the teacher is.
    gains : bool
        Whether the gains of the teacher have sliders.
    weight_variance_off : str
        By how many percent the leading order is expected to miss it at the study's values.
    axis : str
        Name of the axis whose frequency is moved, where the first stimulus lies along several;
        empty where it is the axis of the first stimulus.
    """
    moved, share, variance = (axis,) * 3 if axis else _OF_THE_FIRST
    share_in_words = (
        f"{axis} in it, one of the axes that the first stimulus has a part in"
        if axis else "the first stimulus' axis in it"
    )  # fmt: skip
    return (
        Scene(
            "loss",
            "A loss that stands still",
            "This network has two linear layers, {first_layer} and {second_layer}. It starts at "
            "a minimum of its loss and goes on learning from one fresh sample after the other. "
            "Its loss fluctuates a little and stays where it is.\n\n"
            "The second figure shows the hidden representation of one stimulus, which is "
            "{first_layer} times the stimulus, in the same network at the same time.",
            ("error", "sample-loss", "update"),
            {
                "first_layer": "weights of the first layer",
                "second_layer": "weights of the second layer",
                "input": "input of one sample",
                "teacher": "teacher map, which the network is to learn",
                "label_noise_sample": "label noise of one sample: what blurs the teacher's answer",
                "e": "error of one sample",
                "loss": "loss of one sample; tr is the trace, a raised T the transpose",
                "weight_decay": "weight decay",
                "theta": "all weights after {t} steps",
                "theta_next": "all weights one step later",
                "g": "gradient of the loss of the step's sample",
                "learning_rate": "learning rate",
            },
            (
                Picture(
                    "figure-loss",
                    "The loss stays at its minimum plus a small excess, which the theory of step "
                    "4 predicts.",
                ),
                Picture(
                    "figure-representation",
                    "Activity of the hidden units, always for the same stimulus.",
                ),
            ),
            ("learning_rate",),
            "",
            "Has learning come to an end? Move the learning rate and let the simulation run "
            "until the representation has turned by 20 degrees. Watch the loss meanwhile.",
            "The representation has turned and the loss is where it was. Standing still in loss "
            "does not mean standing still: the weights keep moving. This is representational "
            "drift. Which moves leave the loss alone is the next step.",
        ),
        Scene(
            "manifold",
            "A manifold of solutions",
            "The loss depends on the weights through the product {second_layer} {first_layer}, "
            "the learned map, and through the size of the weights. Turn the hidden layer by an "
            "orthogonal matrix and turn it back on the way out: neither changes. Every minimum is "
            "therefore a point of a whole orbit of minima.",
            ("rotated", "dimension"),
            {
                "Q": "any orthogonal matrix, which turns the hidden layer",
                "dimension": "dimension of the orbit",
                "hidden": "number of hidden units",
                "r": "rank of the learned map: the number of directions that are learned",
            },
            (
                Picture(
                    "figure-valley",
                    "Expected loss while the hidden layer turns. Stretching both layers lifts the "
                    "whole line off the minimum.",
                ),
                Picture(
                    "figure-hidden",
                    "Hidden representations of two inputs. They turn, their lengths and the angle "
                    "between them stay.",
                ),
            ),
            ("rotation", "stretch"),
            "",
            "You start off the minimum, stretched. Find another solution that is exactly as good "
            "as the best one and has its hidden layer turned by at least 90 degrees.",
            "Stretching costs loss, turning costs nothing. The set of best networks is a valley "
            "with a flat floor, and its floor consists of the rotations of one solution.",
        ),
        Scene(
            "noise",
            "Noise that cannot push along it",
            "Each step uses one sample or a few, so that the gradient is noisy even at the "
            "minimum. One would expect this noise to push the network along the flat floor. "
            "Measure it: the probe shows how strong the gradients of single samples are along one "
            "direction.",
            ("orthogonal",),
            {
                "g_W": "gradient with respect to the first layer",
                "g_U": "gradient with respect to the second layer",
                "generator": "generator of a hidden rotation: an antisymmetric matrix",
                "label_noise": "standard deviation of the label noise; sliders show its square, "
                "the variance",
            },
            (
                Picture(
                    "figure-noise",
                    "Gradients of 400 single samples at the minimum. Horizontal: along the floor "
                    "of the valley. Vertical: up its walls.",
                ),
                Picture(
                    "figure-probe",
                    "Variance of the gradients along the probe, with the prediction of the theory.",
                ),
            ),
            ("probe", "weight_decay", "label_noise"),
            "",
            "Turn the probe until the noise vanishes. In which direction does it point then? "
            "Try whether weight decay or label noise can change it.",
            "The noise vanishes exactly along the floor. The loss of every single sample is "
            "invariant under hidden rotations, not only its average, so that no sample has a "
            "slope along the orbit. At first order nothing can make the network drift.",
        ),
        Scene(
            "fluctuation",
            "Fluctuation around the valley floor",
            "Across the valley the noise kicks the network up the walls, and the curvature "
            "{hessian} pulls it back. The network performs an Ornstein-Uhlenbeck process with "
            "the stationary covariance {fluctuation}. It costs an excess loss.",
            ("lyapunov", "excess-loss"),
            {
                "hessian": "Hessian of the expected loss, across the valley",
                "gradient_noise": "covariance of the gradient of one step",
                "fluctuation": "covariance of the fluctuation about the valley floor",
                "L_excess": "excess loss: the mean loss of the fluctuating network, less the "
                "loss at the minimum",
            },
            (
                Picture(
                    "figure-cloud",
                    "Deviations from the nearest minimum in two directions across the valley: "
                    "u(i,j) is the direction of the weights in which the entry of the learned map "
                    "for output axis i and input axis j grows fastest. The ellipses are of "
                    "leading order in the learning rate. At the study's values they are expected "
                    f"to miss {weight_variance_off} of the whole variance, and where they are thin "
                    "far more of their width: there the cloud is wider.",
                ),
                Picture(
                    "figure-excess",
                    "Excess loss against the learning rate. The error bar shrinks while the "
                    "simulation runs.",
                ),
            ),
            ("learning_rate", "weight_decay", "label_noise"),
            "the excess loss",
            "Halve the excess loss of the study, to within one percent. Which slider does it "
            "exactly?",
            "At leading order half the learning rate halves it exactly: the excess loss is a "
            "quarter of the learning rate times the total gradient noise. Weight decay and label "
            "noise act through the noise, not in proportion: " + (_ERRORS_STAY if errs_without_decay
            else _ERRORS_VANISH),
        ),
        Scene(
            "area",
            "Area becomes rotation",
            "The noise cannot push along the floor, but the floor is curved. When the "
            "fluctuation runs around a closed loop, the network does not come back to where it "
            "was: it has moved along the floor, as a falling cat turns by moving its limbs in a "
            "loop. The hidden layer turns by the area that the fluctuation sweeps, divided by "
            "{metric}.",
            ("rotation-step", "metric"),
            {
                "xi_t": "rotation of the hidden layer in one step, in the plane of {generator}",
                "n_t": "fluctuation after {t} steps: the deviation from the nearest "
                "minimum, seen from there",
                "n_next": "fluctuation one step later",
                "Omega": "the generator acting on both layers at once",
                "metric": "squared distance by which the weights move per radian of rotation",
                "G_ij": "the same for the plane of the hidden axes {i} and {j}",
                "s_i": "singular value of the learned map along hidden axis {i}",
                "s_j": "singular value along hidden axis {j}",
            },
            (
                Picture(
                    "figure-loop",
                    "A loop of the fluctuation. The phase between its two directions decides the "
                    "area.",
                ),
                Picture(
                    "figure-trace",
                    "3000 steps of SGD: the measured rotation of the hidden layer and the sum of "
                    "the areas that the fluctuation swept. They differ by higher orders of the "
                    "fluctuation.",
                ),
            ),
            ("phase", "learning_rate"),
            "",
            "At phase 0 the loop is a line that is run back and forth. Find the phase that turns "
            "the hidden layer as far as possible in the negative direction.",
            "The area of the loop goes with the sine of the phase: it vanishes on a line, is "
            "largest on a circle, and changes sign with the sense of the loop. SGD runs loops of "
            "both senses at random, so that the areas add up to a random walk.",
        ),
        Scene(
            "diffusion",
            "Diffusion along the floor",
            "Areas with random signs add up to diffusion: the squared rotation of the hidden "
            "layer grows in proportion to time. Its slope is {rotation_covariance}, and half of "
            "it is the diffusion coefficient {diffusion_tensor}. The theory gives it for every "
            "plane of hidden axes, as a sum over all axes of the areas that their blocks sweep. "
            "The simulation on this page measures it.",
            ("total",),
            {
                "rotation_covariance": "covariance of the hidden rotation per step",
                "diffusion_tensor": "diffusion coefficient of the hidden rotation",
                "V_ij": "variance of the rotation per step in the plane of {i} and {j}",
                "batch": "batch size: samples per step",
                "n_axes": "the larger of the numbers of inputs {inputs} and outputs {outputs}",
                "T[i, j, l]": "area swept with the help of axis {l}, for one sample in a step",
                "input_variance": "variance of the inputs along an axis",
                **({"gain": "gain of the teacher along an axis"} if gains else {}),
            },
            (
                Picture(
                    "figure-diffusion",
                    "Mean squared rotation against time lag. Lines: theory. Points: simulation, "
                    "with standard errors that shrink while it runs.",
                ),
            ),
            ("learning_rate", "covariance", "gains", "weight_decay", "label_noise"),
            "the diffusion coefficient of plane (1, 2)",
            "Make diffusion in plane (1, 2) eight times slower than in the study by moving the "
            "learning rate alone. How far do you have to go?",
            "Half the learning rate is enough, for two to the third power is eight: beside its "
            "slider stands the exponent 3. One factor comes from the size of the fluctuation, two "
            "from the noise that moves it around.",
        ),
        Scene(
            "stimuli",
            "Which stimuli drift",
            "The representation of a stimulus drifts as fast as the planes that it has a part "
            "in. An axis that is met more often has a larger input variance {input_variance}, "
            "and along itself a stiffer valley and a smaller error.\n\n"
            "How drift changes then is two questions. In the first figure the total variance "
            f"stays: frequency is the share of {share_in_words}, as if every sample "
            "came along one axis and all were equally strong, and what one axis gains the others "
            "lose, in their old proportions. "
            f"{_THEIRS_GROW if all_learned else _SOME_GROW}, and the planes that they share "
            f"with {moved} can become faster. In the second figure the others keep their "
            f"variances and {moved} has more or less than before. The two answers can be "
            "opposite; the line under each figure says which holds at the present setting.",
            ("axis-decay", "decay-rate"),
            {
                "Delta[i]": "decay rate of the representation along hidden axis {i}",
                "D[i, j]": "diffusion coefficient of the plane of {i} and {j}",
                "decay_rate": "decay rate of the representation of a stimulus",
                "w[i]": "component {i} of the representation",
            },
            (
                Picture(
                    "figure-stimuli",
                    "Same total variance: drift of each stimulus against the share of "
                    f"{share}. Lines: theory; a line ends where its direction is no longer "
                    "learned. "
                    "Points: simulation at the present setting.",
                ),
                Picture(
                    "figure-alone",
                    "Other variances fixed: drift of each stimulus against the variance of "
                    f"{variance} alone. Lines and points as before.",
                ),
            ),
            LAST_CONTROLS,
            f"the {order.quantity} of the first stimulus",
            _question(order),
            _reason(order),
        ),
    )  # fmt: skip


_OF_THE_FIRST = ("the first axis", "the first one", "the first one's axis")
"""The axis of the first stimulus where it is moved, has a share, and has a variance."""
_THEIRS_GROW = "Their errors grow"
_SOME_GROW = "The errors of those that are learned grow"
_ERRORS_VANISH = "without them the error of every sample at the minimum would vanish."
_ERRORS_STAY = (
    "without them samples would still err at the minimum, along the directions that no hidden "
    "unit is left for."
)


def _question(order: Order) -> str:
    """What is to be reached for the order of the first two stimuli."""
    now, wanted = ("more slowly", "faster") if order.ratio < 1 else ("faster", "more slowly")
    side = "above" if order.above else "below"
    whose = "its" if order.quantity == "decay rate" else "the"
    return {
        "level": "The first two stimuli drift equally fast. Make the first at least 10 percent "
        "slower than the second.",
        "turn": f"The first stimulus drifts {now} than the second, judged by {whose} "
        f"{order.quantity}. Turn their order around: make it drift at least 2 percent {wanted}.",
        "shift": f"Bring the {order.quantity} of the first stimulus {side} {order.bound:.3g} "
        "times that of the second.",
    }[order.question]


def _reason(order: Order) -> str:
    """What holds for this study, found by walking the sliders."""
    sentences = []
    if order.quantity != "decay rate":
        sentences.append(
            "With two learned directions there is one plane, and both representations decorrelate "
            "at the same rate. What differs is their length: the longer one moves farther by the "
            "same rotation."
        )
    if order.frequent_is_slower:
        sentences.append(
            "With the other sliders as in the study, the one of the two that is met more often "
            "drifts more slowly, as long as more than two directions are learned: its error is "
            "smaller and its walls are steeper."
        )
    if order.frequent_is_slower and order.noise_turns:
        sentences.append(
            "Label noise does not shrink with the error and weighs more where the input is "
            "strong, so that enough of it turns the order around."
        )
    reached = [f"{_slider(s)} to {s.number:.3g}{s.control.unit}" for s in order.settings
               if s.number is not None]  # fmt: skip
    failed = [_slider(s) for s in order.settings if s.number is None]
    sentences.append(
        "From the study's values, what is asked for is reached by moving "
        f"{' alone, or by moving '.join(reached)} alone"
        + (f"; moving {enumerated(failed)} alone does not reach it" if failed else "")
        + "."
    )
    return " ".join(sentences)


def _slider(setting: Setting) -> str:
    control = setting.control
    text = control.text.removesuffix(" of the first stimulus")
    return f"the {text} of output {control.index}" if control.index else f"the {text}"


def stand_in(named: Sequence[str], learned: Sequence[str], shown: Sequence[str]) -> str:
    """Why a page has other stimuli than its study, or has them in another order.

    Parameters
    ----------
    named, learned : sequence of str
        Stimuli of the study, and those of them that have a representation.
    shown : sequence of str
        The first two of the page, if they are the study's; else the axes are shown.

    Returns
    -------
    str
        One sentence; empty where the page is about the first two stimuli of the study.
    """
    quoted = {name: f"“{name}”" for name in named}
    if not shown:
        if len(learned) > 1:
            why = "No slider tells the drift of the study's stimuli apart"
        elif len(named) == 1:
            why = f"The study has one stimulus, {quoted[named[0]]}, and a lesson compares two"
        elif learned:
            why = (
                f"Of the study's stimuli only {quoted[learned[0]]} is learned, and a lesson "
                "compares two"
            )
        else:
            why = "None of the study's stimuli is learned"
        return f"{why}: on this page the learned axes are the stimuli instead."
    first, second = shown
    before = [name for name in named[: named.index(second)] if name != first]
    reasons = [f"{quoted[name]} is not learned" for name in before if name not in learned]
    alike = [quoted[name] for name in before if name in learned]
    if alike:
        reasons.append(f"no slider tells the drift of {enumerated([quoted[first], *alike])} apart")
    if not reasons:
        return ""
    return (
        f"On this page {quoted[first]} is the first stimulus and {quoted[second]} the second, "
        f"since {enumerated(reasons)}."
    )
