"""Input distributions, a file for each: exact moments on one side, a sampler on the other.

Only the second moment ``Sigma = E[x x']`` and the fourth moment of the inputs enter
the theory (label noise is independent of the inputs, so odd moments drop out).  "Zero
mean" is therefore no restriction: a finite set of stimuli with a mean is covered by
its second moment about zero.
"""

from symdrift.inputs.distribution import (
    InputDistribution,
    SampleSource,
    mean_share,
    percentage,
    read_only,
    require_positive_definite,
    varying_share,
)
from symdrift.inputs.elliptical import Elliptical, require_kurtosis
from symdrift.inputs.gaussian import Gaussian
from symdrift.inputs.samples import Samples, input_facts, input_record
from symdrift.inputs.stimulus_set import StimulusSet

__all__ = [
    "Elliptical",
    "Gaussian",
    "InputDistribution",
    "SampleSource",
    "Samples",
    "StimulusSet",
    "input_facts",
    "input_record",
    "mean_share",
    "percentage",
    "read_only",
    "require_kurtosis",
    "require_positive_definite",
    "varying_share",
]
