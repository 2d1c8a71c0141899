"""The roles that symbols play in the theory, and how each is printed.

Roles are the words that a study's ``[notation]`` table uses.  Nothing here needs SymPy,
so that a study can be read without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Role:
    """What a symbol stands for.

    ``name`` is the stem of the SymPy symbol, ``latex`` its default print,
    ``meaning`` and ``shape`` fill the notation table.
    """

    name: str
    latex: str
    meaning: str
    shape: str = "scalar"


FIELD_ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.inputs": ("inputs", "outputs", "hidden"),
        "network.outputs": ("inputs", "outputs", "hidden"),
        "network.hidden": ("inputs", "outputs", "hidden"),
        "inputs.covariance": ("input_variance", "input_covariance"),
        "inputs.stimuli": ("input",),
        "inputs.components": (),
        "teacher.map": ("gain", "teacher"),
        "teacher.label_noise": ("label_noise",),
        "learning.rate": ("learning_rate",),
        "learning.weight_decay": ("weight_decay",),
        "learning.batch": ("batch",),
        "learning.minimum": (),
        "learning.momentum": (),
        "learning.tau": (),
        "stimulus": ("input",),
    }
)
"""Roles that the numbers of a field play: a symbol there may have the letter of one of them."""

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "inputs": Role("n", "n", "number of inputs"),
        "outputs": Role("m", "m", "number of outputs"),
        "hidden": Role("p", "p", "number of hidden units"),
        "first_layer": Role("W", "W", "first-layer weights", "p by n"),
        "second_layer": Role("U", "U", "second-layer weights", "m by p"),
        "input": Role("x", "x", "input, zero mean", "n"),
        "label_noise_sample": Role("epsilon", r"\varepsilon", "label noise of one sample", "m"),
        "input_covariance": Role("Sigma", r"\Sigma", "input covariance", "n by n"),
        "teacher": Role("A", "A", "teacher map", "m by n"),
        "residual_map": Role("E", "E", "residual map: teacher minus network", "m by n"),
        "learning_rate": Role("eta", r"\eta", "learning rate"),
        "weight_decay": Role("gamma", r"\gamma", "weight decay"),
        "batch": Role("B", "B", "batch size"),
        "input_variance": Role("lambda", r"\lambda", "input variance along an axis"),
        "gain": Role("a", "a", "gain of the teacher along an axis"),
        "label_noise": Role("sigma", r"\sigma", "standard deviation of the label noise"),
        "singular_value": Role("s", "s", "singular value of the learned map"),
        "hessian": Role("H", "H", "Hessian of the expected loss", "matrix"),
        "gradient_noise": Role("C", "C", "covariance of the gradient of one sample", "matrix"),
        "fluctuation": Role("Gamma", r"\Gamma", "covariance of the normal fluctuation", "matrix"),
        "generator": Role("Omega", r"\Omega", "generator of a hidden rotation", "p by p"),
        "metric": Role("G", "G", "squared length of a tangent vector"),
        "rotation_covariance": Role(
            "V", "V", "covariance of the hidden rotation", "rad^2 per step"
        ),
        "diffusion_tensor": Role(
            "D", "D", "diffusion tensor, half the rotation covariance", "rad^2 per step"
        ),
        "mean_rotation": Role("mu", r"\mu", "mean hidden rotation", "rad per step"),
        "decay": Role("Delta", r"\Delta", "decay matrix of the representation", "r by r"),
        "time": Role("tau", r"\tau", "time lag", "SGD steps"),
    }
)

PRESETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "numbered_layers": {"first_layer": "W_1", "second_layer": "W_2"},
        "superscript_layers": {"first_layer": "W^{(1)}", "second_layer": "W^{(2)}"},
        # Statistics writes lambda for the penalty; the input variances then need a letter.
        "ridge": {"weight_decay": r"\lambda", "input_variance": r"\rho"},
        "layer_widths": {"inputs": "d_0", "hidden": "d_1", "outputs": "d_2"},
        "step_size": {"learning_rate": r"\alpha"},
    }
)
"""Sets of letters that a study asks for by name; several can be combined."""

INDICES: Mapping[str, str] = MappingProxyType(
    {
        "b": "an index of a weight or an input",
        "c": "an index of a weight, an input or a stimulus",
        "d": "an index of a weight or an input",
        "i": "an index of a hidden axis",
        "j": "an index of a hidden axis",
        "l": "an index of an axis",
        "t": "the time step",
    }
)
"""Letters that stand for an index; with a subscript of its own a role may use them."""

VOCABULARY: Mapping[str, str] = MappingProxyType(
    {
        "r": "the rank of the learned map",
        "N": "a number of axes or weights",
        "F": "an arbitrary matrix of a proof",
        "I": "the identity",
        "J": "what a change of the learned map reaches in weight space",
        "K": "the corrector of the rotation",
        "L": "the expected loss",
        "M": "the learned map",
        "O": "the order of what is left out",
        "P": "the output axes of the learned map",
        "Q": "the rotation of the hidden layer",
        "R": "the input axes of the learned map",
        "S": "the singular values of the learned map",
        "T": "the contribution of one axis",
        "Y": "a solution of the Sylvester equation",
        "Z": "a solution of the Sylvester equation",
        "D": "the diffusion of a representation",
        "e": "the error of one sample",
        "f": "the probability of a stimulus",
        "g": "the gradient of one sample",
        "h": "an eigenvalue of the Hessian",
        "k": "the decay rate of a representation",
        "o": "the overlap of two blocks",
        "q": "a quotient of two mean rotations",
        "u": "a unit vector of the normal space",
        "v": "the mean speed of a representation",
        "w": "the representation of a stimulus",
        "y": "the target of one sample",
        "z": "a row of the Sylvester equation",
        r"\ell": "the loss of one sample",
        r"\theta": "all weights",
        r"\delta": "a variation, and the deviation from the minimum",
        r"\kappa": "the kurtosis",
        r"\nu": "the variance of an irrelevant input",
        r"\Theta": "the relaxation of second moments",
        r"\xi": "the rotation of one step",
        r"\Xi": "the rotation of one step as a matrix",
        r"\Phi": "what makes rotations ones without memory",
        r"\mathcal{J}": "a function of the deviation",
        r"\Psi": "the second moment of a deviation",
        r"\zeta": "the noise of one step",
        r"\varphi": "the angle between teacher and inputs",
        r"\varsigma": "the synaptic noise",
        r"\Lambda": "the slope of the loss at a minimum",
        r"\Upsilon": "the imbalance of the layers",
        r"\mathcal{A}": "an area over the deviations that sweep it",
        r"\mathcal{B}": "what a step does to second moments of two axes",
        r"\mathcal{C}": "the gradient noise on learned maps",
        r"\mathcal{D}": "a mean rotation per squared learning rate",
        r"\Pi": "the growth of second moments",
        r"\pi": "an entry of the matrix of the critical rate",
        r"\mathcal{E}": "the errors times the inputs of a sample",
        r"\mathcal{F}": "what powers feed back to second moments",
        r"\mathcal{G}": "what reads powers off second moments",
        r"\mathcal{H}": "the Hessian on learned maps",
        r"\mathcal{I}": "the imbalance of two layers that follow each other",
        r"\mathcal{L}": "a generator of the deviation",
        r"\mathcal{M}": "a named part of an equation",
        r"\mathcal{N}": "a numerator",
        r"\mathcal{O}": "the generator on learned maps",
        r"\mathcal{P}": "a named part of an equation",
        r"\mathcal{Q}": "a named part of an equation",
        r"\mathcal{R}": "the resultant of two blocks",
        r"\mathcal{S}": "what makes the mean orientation decay without memory",
        r"\mathcal{T}": "the decay of the mean orientation in a step",
        r"\mathcal{V}": "the second moments of a deviation",
        r"\mathcal{K}": "the powers of what samples read of an axis",
        r"\mathcal{X}": "the fluctuation on learned maps",
        r"\mathcal{Z}": "the response of the mean rotation to noise",
        r"\mathcal{Y}": "the solution of the Sylvester equation on learned maps",
        r"\mathbb{E}": "an expectation",
        r"\mathbf{1}": "a row of ones",
        r"\tilde\Omega": "the generator on weight space",
    }
)
"""Letters that stand for something else than a role, whatever the study's notation.

A role may use one of them only when it is the role's own default.
"""

AT_HOME: Mapping[str, str] = MappingProxyType(
    {
        r"\nu": "inputs.covariance",
        r"\kappa": "inputs.kurtosis",
        "f": "inputs.probabilities",
        r"\varsigma": "learning.synaptic_noise",
    }
)
"""Fields in which a symbol of a study means what a letter of the vocabulary means."""

LOCAL = ("b", "c", "d", "f", "g", "o", "q", "u", "v", "w", "y", "z", r"\kappa", r"\nu")
"""Letters of indices and auxiliary quantities, which the derivation leaves to a study.

Not e, which is the base of exponentials as well.
"""

SPARE = (
    r"\vartheta", r"\varrho", r"\iota", r"\upsilon", r"\chi", r"\psi", r"\omega", r"\rho",
    r"\phi", r"\varpi", r"\alpha", r"\beta", "X", r"\mathbf{b}", r"\mathbf{c}", r"\mathbf{d}",
    r"\mathbf{q}",
)  # fmt: skip
"""Letters that stand for nothing else, in the order in which it takes these instead."""
