"""Figures of a report: what they show comes in as plain numbers, nothing is computed here.

One style for all, colours that every kind of colour vision can tell apart, and files whose
bytes depend on the numbers only.
"""

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
from symdrift.figures.observables import caption_observables, draw_observables
from symdrift.figures.stimuli import (
    DecayRates,
    Displacement,
    caption_decay_rates,
    caption_displacement,
    draw_decay_rates,
    draw_displacement,
)
from symdrift.figures.structure import (
    BlockStructure,
    caption_block_structure,
    draw_block_structure,
)
from symdrift.figures.style import COLOURS, SUFFIXES, literal, rendered, save
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
    "DecayRates",
    "Displacement",
    "DisplacementCurve",
    "FrequencyCurve",
    "FrequencySweep",
    "LearningRateLimit",
    "RateSeries",
    "RatioLimit",
    "ValidationRatios",
    "WeightDecaySweep",
    "caption_block_structure",
    "caption_decay_rates",
    "caption_displacement",
    "caption_frequency_sweep",
    "caption_learning_rate_limit",
    "caption_observables",
    "caption_validation",
    "caption_weight_decay_sweep",
    "draw_block_structure",
    "draw_decay_rates",
    "draw_displacement",
    "draw_frequency_sweep",
    "draw_learning_rate_limit",
    "draw_observables",
    "draw_validation",
    "draw_weight_decay_sweep",
    "literal",
    "rendered",
    "save",
]
