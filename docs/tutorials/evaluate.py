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
# # Evaluate
#
# The formulas of a derivation, evaluated for other parameters: one point, a sweep, plain NumPy
# functions, and a simulation beside them. No step needs the derivation to run again.

# %%
import matplotlib.pyplot as plt
import numpy as np

import symdrift
from symdrift.evaluation.closed_form import formulas
from symdrift.evaluation.sweep_axes import linear_axis

study = symdrift.read_study("frequent_stimulus")
evaluation = symdrift.evaluate(study)
evaluation

# %% [markdown]
# ## A sweep
#
# How fast does the representation of each stimulus decorrelate when one of them is met more often?

# %%
points = symdrift.sweep(study, [linear_axis("lambda_f", 1.0, 4.0, 13)])
frequency = np.array([point.swept["lambda_f"] for point in points])
rates = np.array([[entry.decay_rate for entry in point.evaluation.stimuli] for point in points])
names = [entry.name for entry in evaluation.stimuli]

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(frequency, rates, label=names)
axes.set(xlabel="input variance of the frequent stimulus", ylabel="decay rate per step")
axes.legend()

# %% [markdown]
# At variance 1 all stimuli are alike; from there on the frequent one drifts more slowly.

# %%
assert np.isclose(rates[0, 0], rates[0, 1])
assert (rates[1:, 0] < rates[1:, 1]).all()

# %% [markdown]
# ## Plain functions
#
# The kernels need NumPy and nothing else, and they broadcast over leading axes.

# %%
covariance = np.ones((13, 4))
covariance[:, 0] = frequency
diffusion = formulas.diffusion_tensor(
    covariance, weight_decay=0.2, learning_rate=0.005, inputs=4, outputs=4, hidden=4
)
by_plane = np.array([point.evaluation.drift.diffusion for point in points])
assert np.allclose(diffusion[:, 0, 1], by_plane[:, 0], rtol=1e-10)
diffusion.shape

# %% [markdown]
# ## Is it true?
#
# A simulation of online SGD with a fresh sample in every step. The run is short; standard errors
# say what it can decide.

# %%
small = symdrift.read_study("anisotropic_autoencoder").with_values(
    {"network.inputs": "2", "network.outputs": "2", "network.hidden": "2",
     "inputs.covariance": "[2, 0.7]", "gamma": "0.2"}
)  # fmt: skip
validation = symdrift.validate_rate(small, steps=20000, replicas=64, seed=1)
validation
