"""Studies: a network, its inputs and its learning rule, as read from a TOML file."""

from symdrift.study.model import (
    EllipticalInputs,
    GaussianInputs,
    InputsSpecification,
    Learning,
    NamedStimulus,
    Network,
    SampleInputs,
    StimulusInputs,
    Teacher,
)
from symdrift.study.shelf import read_study, shipped_studies
from symdrift.study.study import Study

__all__ = [
    "EllipticalInputs",
    "GaussianInputs",
    "InputsSpecification",
    "Learning",
    "NamedStimulus",
    "Network",
    "SampleInputs",
    "StimulusInputs",
    "Study",
    "Teacher",
    "read_study",
    "shipped_studies",
]
