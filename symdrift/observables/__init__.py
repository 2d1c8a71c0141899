"""What an experimenter would measure on drifting representations.

Each observable is a function of a `DriftProcess` with a frozen result; `observe` gives all of
them at once.
"""

from symdrift.observables.angle import PopulationAngle, population_angle
from symdrift.observables.decoding import DecoderDecay, decoder_decay
from symdrift.observables.displacement import (
    Autocorrelation,
    Displacement,
    autocorrelation,
    decorrelation_time,
    mean_squared_displacement,
)
from symdrift.observables.error_band import Band
from symdrift.observables.expected_error import (
    ExpectedError,
    with_next_order,
    with_two_times,
)
from symdrift.observables.layer import Fluctuation, LayerFluctuation, ModeFluctuation
from symdrift.observables.observation import Observation, default_times, observe
from symdrift.observables.process import (
    DriftProcess,
    aligned_process,
    conjugation_change,
    drift_process,
    expected_rotation,
)
from symdrift.observables.rotations import CorrelatedPlanes, IndependentPlanes, SilentAxes
from symdrift.observables.sampling import rotation_paths, sample_rotations
from symdrift.observables.similarity import (
    RepresentationalSimilarity,
    representational_similarity,
)
from symdrift.observables.tuning import TuningChange, tuning_change

__all__ = [
    "Autocorrelation",
    "Band",
    "CorrelatedPlanes",
    "DecoderDecay",
    "Displacement",
    "DriftProcess",
    "ExpectedError",
    "Fluctuation",
    "IndependentPlanes",
    "LayerFluctuation",
    "ModeFluctuation",
    "Observation",
    "PopulationAngle",
    "RepresentationalSimilarity",
    "SilentAxes",
    "TuningChange",
    "aligned_process",
    "autocorrelation",
    "conjugation_change",
    "decoder_decay",
    "decorrelation_time",
    "default_times",
    "drift_process",
    "expected_rotation",
    "mean_squared_displacement",
    "observe",
    "population_angle",
    "representational_similarity",
    "rotation_paths",
    "sample_rotations",
    "tuning_change",
    "with_next_order",
    "with_two_times",
]
