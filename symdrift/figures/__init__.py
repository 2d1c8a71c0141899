"""Figures of a report: what they show comes in as plain numbers, nothing is computed here.

One style for all, colours that every kind of colour vision can tell apart, and files whose
bytes depend on the numbers only.
"""

from symdrift.figures.comparisons import (
    Counterparts,
    SizeCurve,
    caption_counterparts,
    draw_counterparts,
)
from symdrift.figures.frequency import (
    FrequencyCurve,
    FrequencySweep,
    caption_frequency_sweep,
    draw_frequency_sweep,
)
from symdrift.figures.limits import (
    DisplacementCurve,
    LearningRateLimit,
    RateSeries,
    RatioLimit,
    caption_learning_rate_limit,
    draw_learning_rate_limit,
)
from symdrift.figures.motion import (
    FluctuationSpectrum,
    Standstill,
    SweptArea,
    caption_fluctuation_spectrum,
    caption_standstill,
    caption_swept_area,
    draw_fluctuation_spectrum,
    draw_standstill,
    draw_swept_area,
)
from symdrift.figures.observables import caption_observables, draw_observables
from symdrift.figures.scaling import (
    Isotropic,
    Scaling,
    ScalingPanel,
    caption_scaling,
    draw_scaling,
)
from symdrift.figures.simulated import SimulatedPoints, Simulations
from symdrift.figures.stimuli import (
    DecayRates,
    caption_decay_rates,
    draw_decay_rates,
)
from symdrift.figures.structure import (
    BlockStructure,
    caption_block_structure,
    draw_block_structure,
)
from symdrift.figures.style import COLOURS, SUFFIXES, literal, rendered, save, short_quantities
from symdrift.figures.sweeps import (
    WeightDecaySweep,
    caption_weight_decay_sweep,
    draw_weight_decay_sweep,
)
from symdrift.figures.validation import ValidationRatios, caption_validation, draw_validation

__all__ = [
    "COLOURS",
    "SUFFIXES",
    "BlockStructure",
    "Counterparts",
    "DecayRates",
    "DisplacementCurve",
    "FluctuationSpectrum",
    "FrequencyCurve",
    "FrequencySweep",
    "Isotropic",
    "LearningRateLimit",
    "RateSeries",
    "RatioLimit",
    "Scaling",
    "ScalingPanel",
    "SimulatedPoints",
    "Simulations",
    "SizeCurve",
    "Standstill",
    "SweptArea",
    "ValidationRatios",
    "WeightDecaySweep",
    "caption_block_structure",
    "caption_counterparts",
    "caption_decay_rates",
    "caption_fluctuation_spectrum",
    "caption_frequency_sweep",
    "caption_learning_rate_limit",
    "caption_observables",
    "caption_scaling",
    "caption_standstill",
    "caption_swept_area",
    "caption_validation",
    "caption_weight_decay_sweep",
    "draw_block_structure",
    "draw_counterparts",
    "draw_decay_rates",
    "draw_fluctuation_spectrum",
    "draw_frequency_sweep",
    "draw_learning_rate_limit",
    "draw_observables",
    "draw_scaling",
    "draw_standstill",
    "draw_swept_area",
    "draw_validation",
    "draw_weight_decay_sweep",
    "literal",
    "rendered",
    "save",
    "short_quantities",
]
