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
        "hessian": Role("H", "H", "Hessian of the expected loss on the normal space"),
        "gradient_noise": Role("C", "C", "covariance of the gradient of one step"),
        "fluctuation": Role("Gamma", r"\Gamma", "covariance of the normal fluctuation"),
        "generator": Role("Omega", r"\Omega", "generator of a hidden rotation", "p by p"),
        "metric": Role("G", "G", "squared length of a tangent vector"),
        "rotation_covariance": Role("V", "V", "covariance of the hidden rotation", "per step"),
        "diffusion_tensor": Role("D", "D", "diffusion tensor, half the rotation covariance"),
        "mean_rotation": Role("mu", r"\mu", "mean hidden rotation", "per step"),
        "decay": Role("Delta", r"\Delta", "decay matrix of the representation", "r by r"),
        "time": Role("tau", r"\tau", "time lag", "SGD steps"),
    }
)
