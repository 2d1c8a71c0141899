"""What each learning rule needs of a study, what it has no use for, and the rule itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from symdrift.errors import RequestError, counted
from symdrift.expressions import Expression
from symdrift.study.model import RULES, Specification

if TYPE_CHECKING:
    from symdrift.rules.own_rule import OwnRule
    from symdrift.rules.rule import Rule
    from symdrift.study.problem import Array

MOST_LAYERS = 20
"""Hidden layers of a network."""

OUTPUTS, TEACHER, DECAY, TAU = "network.outputs", "teacher", "learning.weight_decay", "learning.tau"

DERIVED_ON_AXES = ("oja", "tied_autoencoder", "similarity_matching")
"""Rules of one hidden layer whose drift `symdrift.theory` derives."""

NUMBERS_ALL_THE_SAME = "symdrift evaluate, observe, validate and report have the numbers"
"""What is possible where there is no derivation."""

_OWN, _DEEP, _PLAIN = "own", "deep_linear", RULES[0]
_LAYERED = _DEEP, _OWN
_DERIVED = _PLAIN, *DERIVED_ON_AXES, _DEEP
_FROM_INPUTS = "it learns from inputs alone"


class Needs(NamedTuple):
    """Optional fields that a rule has, of which others refuse, and why it has no others."""

    fields: tuple[str, ...]
    teacher: str = ""
    decay: str = ""


NEEDS: Mapping[str, Needs] = MappingProxyType({
    "sgd": Needs((OUTPUTS, TEACHER, DECAY)),
    "tied_autoencoder": Needs((DECAY,), teacher="its target is its own input"),
    "oja": Needs((), _FROM_INPUTS, "it bounds the weights by itself"),
    "similarity_matching": Needs(
        (TAU,), _FROM_INPUTS, "decay at rate 1 is a part of the rule"
    ),
    "deep_linear": Needs((OUTPUTS, TEACHER, DECAY)),
})  # fmt: skip
"""Of rules that come with symdrift; one of one's own needs what it names."""


def check_rule(study: Specification) -> None:
    """Refuse fields that the rule has no use for, and a rule that lacks one.

    Raises
    ------
    RequestError
        Naming the field, and why it has no place.
    """
    name = study.learning.rule
    layers: int | None
    if name == _OWN:
        needs, layers = _check_own(study)
    elif study.rule is not None:
        raise RequestError(
            "rule", f'does not belong to learning.rule = "{name}"; it belongs to "{_OWN}"'
        )
    else:
        needs, layers = NEEDS[name], None
    _check_fields(study, needs)
    _check_layers(study, layers)


def require_plain(study: Specification) -> None:
    """Refuse rules that lessons and fits do not work for.

    Raises
    ------
    RequestError
        For all but two-layer SGD without momentum.
    """
    if study.is_plain:
        return
    learning = study.learning
    named = learning.rule != _PLAIN
    raise RequestError(
        "learning.rule" if named else "learning.momentum",
        (f'= "{learning.rule}"' if named else f"= {learning.momentum}")
        + " is not taken here: lessons, fits, sensitivities and the closed form are of "
        f'learning.rule = "{_PLAIN}" without momentum so far; symdrift derive, evaluate, '
        "observe, compare, simulate, validate and report take other rules, in Python "
        "evaluate_rule, observe, compare, simulate_rule, validate, validate_rate and write_report",
    )


def require_derivable(study: Specification) -> None:
    """Refuse what has no derivation yet.

    Raises
    ------
    RequestError
        For all but two-layer SGD, rules of one's own, and two-layer SGD with momentum, Oja's rule,
        the tied autoencoder, similarity matching and three linear layers with Gaussian inputs along
        axes; these without synaptic noise.
    """
    if study.is_plain:
        return
    name = study.learning.rule
    if name == _OWN:
        _require_found(study)
    elif name not in _DERIVED:
        raise RequestError(
            "learning.rule",
            f'= "{name}" has no derivation; those that have one are {", ".join((*_DERIVED, _OWN))}',
        )
    elif obstacle := _underived(study):
        field, value = obstacle
        further = {
            _DEEP: ", two hidden layers of as many units as the teacher has gains, no label noise, "
            "the first end of learning",
            _PLAIN: ", a teacher along axes",
        }.get(name, "")
        momentum = " with momentum" if name == _PLAIN else ""
        raise RequestError(
            field,
            f"{value}stands in the way of a derivation under learning.rule = "
            f'"{name}"{momentum}: symdrift derive takes it with Gaussian inputs of '
            f"given variances along axes, sizes in numbers{further}, and no synaptic noise; "
            f"without one, {NUMBERS_ALL_THE_SAME}",
        )


def _require_found(study: Specification) -> None:
    """Refuse a rule of one's own of which the derivation cannot say what is found."""
    learning = study.learning
    for field, value in (
        ("learning.momentum", learning.momentum),
        ("learning.synaptic_noise", learning.synaptic_noise),
    ):
        if not _is_zero(value):
            raise RequestError(
                field,
                f"= {value} stands in the way of a derivation under learning.rule = "
                f'"{_OWN}", which is of the rule alone',
            )


def is_derived_on_axes(study: Specification) -> bool:
    """Whether the derivation of a rule on the axes of its inputs is about this study."""
    return not study.is_plain and study.learning.rule in _DERIVED and _underived(study) is None


def _underived(study: Specification) -> tuple[str, str] | None:
    """The field, with its value, for which a rule on the axes of its inputs has no derivation."""
    learning, covariance = study.learning, getattr(study.inputs, "covariance", None)
    along_axes = isinstance(covariance, Expression) or (
        isinstance(covariance, tuple) and isinstance(covariance[0], Expression)
    )
    inputs, hidden, noise = study.network.inputs, study.network.hidden, learning.synaptic_noise
    fits = {
        ("inputs.distribution", f'= "{study.inputs.distribution}" '): study.inputs.gaussian,
        ("inputs.covariance", ""): along_axes,
        ("network.hidden", f"= {_written(hidden)} "): _fits(study),
        ("network.inputs", f"= {inputs} "): not inputs.symbols,
        ("learning.synaptic_noise", f"= {noise} "): _is_zero(noise),
    }
    if study.learning.rule in (_DEEP, _PLAIN):
        outputs, gains = study.network.outputs, study.teacher.map
        fits |= {
            ("network.outputs", f"= {outputs} "): outputs is not None and not outputs.symbols,
            ("teacher.map", ""): isinstance(gains, str) or isinstance(gains[0], Expression),
        }
    if study.learning.rule == _DEEP:
        labels = study.teacher.label_noise
        each = (labels,) if isinstance(labels, Expression) else labels
        fits |= {
            ("teacher.label_noise", f"= {_written(labels)} "): all(map(_is_zero, each)),
            ("learning.minimum", f"= {learning.minimum} "): learning.minimum.evaluate({}) == 1,
        }
    return next((named for named, fit in fits.items() if not fit), None)


def _fits(study: Specification) -> bool:
    """Whether there are as many hidden layers, with sizes in numbers, as a derivation is about."""
    hidden = study.network.hidden
    if study.learning.rule != _DEEP:
        return isinstance(hidden, Expression) and not hidden.symbols
    if isinstance(hidden, Expression) or len(hidden) != 2:
        return False
    return not any(size.symbols for size in hidden) and hidden[0] == hidden[1]


def _is_zero(value: Expression) -> bool:
    return not (value.symbols or value.evaluate({}))


def _written(value: Expression | tuple[Expression, ...]) -> str:
    """One expression, or several in brackets."""
    return str(value) if isinstance(value, Expression) else f"[{', '.join(map(str, value))}]"


def rule_of(
    study: Specification, numbers: Mapping[str, float], teacher: Array | None
) -> tuple[Rule, dict[str, Any]]:
    """The rule with every number filled in, and its settings by name.

    Parameters
    ----------
    study : Specification
    numbers : Mapping of str to float
        By dotted field.
    teacher : Array or None
        Teacher map ``A``, shape ``(m, n)``; ``None`` without outputs.
    """
    from symdrift.rules.heavy_ball import HeavyBall
    from symdrift.rules.noisy_synapses import SynapticNoise

    name, decay = study.learning.rule, numbers.get(DECAY, 0.0)
    settings: dict[str, Any] = {"learning_rule": name}
    if DECAY in numbers:
        settings["weight_decay"] = decay
    rule: Rule
    if name == "oja":
        from symdrift.rules.oja import Oja

        rule = Oja()
    elif name == "similarity_matching":
        from symdrift.rules.similarity_matching import SimilarityMatching

        settings["tau"] = numbers.get(TAU, 1.0)
        rule = SimilarityMatching(settings["tau"])
    elif name == "tied_autoencoder":
        from symdrift.rules.tied_autoencoder import TiedAutoencoder

        rule = TiedAutoencoder(decay)
    elif name == _OWN:
        given = {
            field.removeprefix("rule.parameters."): value
            for field, value in numbers.items()
            if field.startswith("rule.parameters.")
        }
        settings |= {f"rule.parameters.{name}": value for name, value in given.items()}
        rule = _own_rule(study, given, teacher, decay)
    else:
        from symdrift.rules.deep_linear import DeepLinear

        if not decay > 0:
            raise RequestError(
                DECAY,
                f"= {decay:g} is refused: without weight decay layers trade scale with each other, "
                "so that noise has no equilibrium; give a positive value",
            )
        rule = DeepLinear(teacher, decay, len(_sizes(study)) + 1)
    settings["momentum"] = numbers["learning.momentum"]
    if settings["momentum"]:
        rule = HeavyBall(rule, settings["momentum"], numbers["learning.rate"])
    settings["synaptic_noise"] = numbers["learning.synaptic_noise"]
    if settings["synaptic_noise"]:
        rule = SynapticNoise(rule, settings["synaptic_noise"])
    return rule, settings


def hidden_units(study: Specification, rule: Rule, numbers: Mapping[str, float]) -> dict[str, int]:
    """Units of each hidden layer by its name."""
    axes = sorted(rule.hidden_axes, key=lambda axis: int(axis.partition("_")[2] or 0))
    return {axis: int(numbers[field]) for axis, field in zip(axes, _sizes(study), strict=True)}


def _sizes(study: Specification) -> list[str]:
    """Fields that say how large the hidden layers are."""
    hidden, field = study.network.hidden, "network.hidden"
    if isinstance(hidden, Expression):
        return [field]
    return [f"{field}.{place}" for place in range(len(hidden))]


def _check_own(study: Specification) -> tuple[Needs, int]:
    """What a rule of one's own names, and how many hidden layers it has."""
    if study.rule is None:
        raise RequestError("rule", f'is missing; learning.rule = "{_OWN}" needs a [rule] table')
    given = dict.fromkeys(study.rule.parameters, 1.0)
    outputs = None if study.network.outputs is None else ()
    rule = _own_rule(study, given, outputs, 0.0)
    for name in given:
        if name not in rule.named:
            raise RequestError(f"rule.parameters.{name}", "is named nowhere in the rule")
    learns = "target" in rule.named
    needed = [TEACHER] if learns else []
    if learns or any("outputs" in axes for axes in rule.weights.values()):
        needed.append(OUTPUTS)
    if "weight_decay" in rule.named:
        needed.append(DECAY)
    axes = rule.hidden_axes
    if not axes:
        raise RequestError("rule.weights", "has no hidden axis, so that nothing could turn")
    layers = {f"hidden_{k}" for k in range(1, len(axes) + 1)}
    if len(axes) > 1 and set(axes) != layers:
        raise RequestError(
            "rule.weights",
            f"has the hidden axes {', '.join(axes)}; {len(axes)} of them are "
            f"{', '.join(sorted(layers))}",
        )
    needs = Needs(
        tuple(needed), 'no text of it has "target" in it', 'no text of it has "weight_decay" in it'
    )
    return needs, len(axes)


def _own_rule(
    study: Specification, parameters: Mapping[str, float], teacher: Any, decay: float
) -> OwnRule:
    from symdrift.rules.own_rule import OwnRule, RuleText

    table = study.rule
    assert table is not None
    text = RuleText(
        weights=table.weights, activity=table.activity, update=table.update, loss=table.loss,
        define=table.define, parameters=parameters,
    )  # fmt: skip
    return OwnRule(text, teacher, decay)


def _check_fields(study: Specification, needs: Needs) -> None:
    """Refuse optional fields that are given without use, or missing."""
    name, learning = study.learning.rule, study.learning
    given: dict[str, object] = {
        OUTPUTS: study.network.outputs,
        TEACHER: study.document.get("teacher"),
        DECAY: learning.weight_decay,
        TAU: learning.tau,
    }
    reasons = {OUTPUTS: needs.teacher, TEACHER: needs.teacher, DECAY: needs.decay}
    for field, value in given.items():
        if field in needs.fields or value is None:
            continue
        owners = [rule for rule, other in NEEDS.items() if field in other.fields]
        shown = f"= {value} " if isinstance(value, Expression) else ""
        because = f": {reason}" if (reason := reasons.get(field, "")) else ""
        raise RequestError(
            field,
            f'{shown}does not belong to learning.rule = "{name}"{because}; it belongs to '
            f"{', '.join(owners)}",
        )
    for field in (OUTPUTS, DECAY):
        if field in needs.fields and given[field] is None:
            needed = "" if name == _PLAIN else f'; learning.rule = "{name}" needs it'
            raise RequestError(field, f"is missing{needed}")


def _check_layers(study: Specification, layers: int | None) -> None:
    """Refuse sizes of another number of hidden layers than the rule has; None: any number."""
    hidden, name = study.network.hidden, study.learning.rule
    field, given = "network.hidden", 1 if isinstance(hidden, Expression) else len(hidden)
    if given > MOST_LAYERS:
        raise RequestError(field, f"has {given} layers; at most {MOST_LAYERS} are allowed")
    if isinstance(hidden, tuple) and name not in _LAYERED:
        raise RequestError(
            field,
            f'is a list of sizes, which does not belong to learning.rule = "{name}" with its one '
            f"hidden layer; it belongs to {' and '.join(_LAYERED)}",
        )
    if layers is not None and layers != given:
        raise RequestError(
            field,
            f"has {counted(given, 'size')}, and the rule has {counted(layers, 'hidden layer')}; "
            "one size for each is needed",
        )
