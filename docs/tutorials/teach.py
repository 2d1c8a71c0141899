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
# # Teach
#
# Why does a network whose loss stands still keep changing? Six questions for a lesson, each with
# the line that answers it. `symdrift lesson` writes an interactive page that tells the same story.

# %%
import matplotlib.pyplot as plt
import numpy as np

import symdrift

study = symdrift.read_study("anisotropic_autoencoder")
derivation = symdrift.derive(study)

# %% [markdown]
# ## 1. What stays the same when the hidden layer is rotated?

# %%
derivation["invariance"]

# %% [markdown]
# ## 2. Which directions are learned?
#
# Predict first: the variances are 2, 1 and 0.7. From which weight decay on is the third direction
# lost?

# %%
derivation.equation("active")

# %%
for weight_decay in (0.3, 0.6, 0.69, 0.71):
    minimum = symdrift.evaluate(study.with_values(gamma=weight_decay)).minimum
    print(f"weight decay {weight_decay}: rank {minimum.rank}, s = {minimum.singular_values}")

# %% [markdown]
# ## 3. Does the noise push along the orbit?

# %%
derivation["noise-is-normal"]

# %% [markdown]
# ## 4. Then where does the drift come from?
#
# From the area that the fluctuation sweeps.

# %%
derivation["area"]

# %% [markdown]
# ## 5. Watch it
#
# One network, trained on from its minimum; noisy labels and a large learning rate make it quick.
# What the network computes fluctuates about its value. The hidden representation of the first
# stimulus turns, and nothing pulls it back.

# %%
quick = study.with_values({"eta": 0.03, "teacher.label_noise": 1.0})
trajectory = symdrift.simulate(quick, steps=200000, replicas=1, seed=4)
first, second = trajectory.first_layer[:, 0], trajectory.second_layer[:, 0]
learned = second @ first
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
left.plot(trajectory.steps, learned[:, range(3), range(3)])
left.set(title="what the network computes", xlabel="SGD step")
right.plot(trajectory.steps, first[:, :, 0])
right.set(title="hidden units, first stimulus", xlabel="SGD step")

# %%
half = len(first) // 2
turned = np.linalg.norm(first[half:, :, 0].mean(0) - first[:half, :, 0].mean(0))
changed = np.linalg.norm(learned[half:].mean(0) - learned[:half].mean(0))
assert turned > 5 * changed
print(f"second half against first: the representation moved by {turned:.2f}, the map by "
      f"{changed:.2f}")  # fmt: skip

# %% [markdown]
# ## 6. How wrong is the obvious approximation?
#
# Treating noise and fluctuation as uncorrelated in time misses that kicks are pulled back.

# %%
exact = symdrift.evaluate(study).drift.diffusion
white = symdrift.evaluate(study, approximation="white").drift.diffusion
assert (white > exact).all()
dict(zip(symdrift.evaluate(study).drift.planes, white / exact, strict=True))
