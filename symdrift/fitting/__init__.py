"""Parameters of a study from measured rates of drift.

Measurements are read, numbers of the study are freed, the theory predicts what was measured, and
weighted least squares finds what explains it; intervals follow the profile of the likelihood, and
what the data leave open is said in words.
"""

from symdrift.fitting.best_fit import Fit, fit
from symdrift.fitting.measurements import Measurement, read_measurements

__all__ = ["Fit", "Measurement", "fit", "read_measurements"]
