"""Theory and simulation beside each other: plan, runs, extrapolation, verdict."""
