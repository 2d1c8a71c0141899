# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Derive
#
# A study names a network, its inputs and its learning rule. From it symdrift derives, starting
# at the loss of one sample, why the hidden representations keep drifting after learning. This
# tutorial derives a study, looks into the derivation, and writes it down for a paper and a talk.

# %%
import tempfile
from pathlib import Path

import sympy as sp

import symdrift
from symdrift.documents import write_derivation
from symdrift.study.roles import PRESETS, ROLES

study = symdrift.read_study("anisotropic_autoencoder")
derivation = symdrift.derive(study)
derivation

# %% [markdown]
# A derivation is an ordered list of steps. Each step shows its equations; its checks were run, in
# exact arithmetic, before the step came into being.

# %%
step = derivation["hessian-blocks"]
step

# %%
[(check.statement, check.method, check.passed) for check in step.checks]

# %% [markdown]
# Equations are SymPy objects. Put numbers in and they can be compared with anything: here the
# singular value of an axis with input variance 2 and weight decay 0.3.

# %%
equation = derivation.equation("singular-value")
equation

# %%
values = {"a": 1, "lambda": 2, "gamma": sp.Rational(3, 10)}
value = equation.expression.rhs.subs(
    {symbol: values[symbol.name] for symbol in equation.expression.rhs.free_symbols}
)
assert value == sp.Rational(17, 20)
value

# %% [markdown]
# ## Your own letters
#
# The table `[notation]` of a study sets the letters by role. Presets combine; letters of your own
# come on top. Letters that two meanings would share are refused.

# %%
sorted(PRESETS), sorted(ROLES)

# %%
directory = Path(tempfile.mkdtemp())
path = directory / "ridge.toml"
path.write_text(
    """
title = "Autoencoder in the letters of ridge regression"
network = { inputs = 2, outputs = 2, hidden = 2 }
inputs = { covariance = [2.0, 0.7] }
learning = { rate = 0.005, weight_decay = 0.2 }
notation = { preset = ["numbered_layers", "ridge"] }
"""
)
ridge = symdrift.read_study(str(path))
symdrift.derive(ridge)["balance"]

# %%
notation = 'notation = { preset = ["numbered_layers", "ridge"] }'
path.write_text(path.read_text().replace(notation, 'notation = { weight_decay = "L" }'))
try:
    symdrift.read_study(str(path))
except symdrift.RequestError as refusal:
    print(refusal)

# %% [markdown]
# ## For a paper, a talk, a wall
#
# `symdrift derive STUDY --format tex,fragment,slides,sheet --width column` writes the same from
# the command line. The fragment has no preamble and its own label prefix: `\input` it.

# %%
written = write_derivation(ridge, directory, ["tex", "fragment", "slides", "sheet"], "column")
[file.name for file in written]

# %%
print((directory / "fragment.tex").read_text()[:400])
