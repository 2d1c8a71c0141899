"""The modules of printed formulas, which closed forms and pages evaluate.

They are made without being imported: the derivation does not need its own output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from symdrift.files import write_text
from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.gradients import gradient_kernels
from symdrift.kernels.isotropic import isotropic_kernels
from symdrift.kernels.isotropic_orders import isotropic_order_kernels
from symdrift.kernels.javascript import javascript_module, page_kernels
from symdrift.kernels.misaligned_pair import two_axes_kernels
from symdrift.kernels.scalar import ScalarFunction
from symdrift.theory.linear.aligned import representative_drift
from symdrift.theory.linear.isotropic_expansion import isotropic_expansion
from symdrift.theory.linear.two_axes import TwoAxes

FOLDER = Path(__file__).parents[1]

PRINTED: Mapping[str, tuple[str, Callable[[], Sequence[ScalarFunction]]]] = MappingProxyType(
    {
        "evaluation/closed_form/printed_aligned.py": (
            "Formulas of single directions, blocks and planes of an aligned network.",
            lambda: aligned_kernels(representative_drift()),
        ),
        "evaluation/closed_form/printed_gradients.py": (
            "Derivatives of the formulas of single directions, blocks and planes.",
            lambda: gradient_kernels(representative_drift()),
        ),
        "evaluation/closed_form/printed_isotropic.py": (
            "Formulas of an isotropic network whose size is an argument.",
            lambda: isotropic_kernels(representative_drift()),
        ),
        "evaluation/closed_form/printed_two_axes.py": (
            "Formulas of the rotation of two misaligned axes.",
            lambda: two_axes_kernels(TwoAxes()),
        ),
        "evaluation/next_order/printed_orders.py": (
            "Formulas of both orders of an isotropic autoencoder whose size is an argument.",
            lambda: isotropic_order_kernels(isotropic_expansion(label_noise=True)),
        ),
        "kernels/printed_aligned.js": (
            "Formulas of single directions, blocks and planes of an aligned network.",
            lambda: page_kernels(representative_drift()),
        ),
    }
)
"""What each module is, by its place in `FOLDER`, and its functions."""

_HEADER = """{summary}

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

_MODULE = '''"""{header}"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
'''


def printed_source(name: str) -> str:
    """Source of a module of printed formulas.

    Parameters
    ----------
    name : str
        One of :data:`PRINTED`.
    """
    summary, functions = PRINTED[name]
    header = _HEADER.format(summary=summary)
    if name.endswith(".js"):
        return javascript_module(header, functions())
    module = _MODULE.format(header=header)
    return "\n\n".join([module, *(function.source() for function in functions())])


def write_printed() -> list[Path]:
    """Print the formulas into the packages that evaluate them."""
    return [write_text(FOLDER / name, printed_source(name)) for name in PRINTED]
