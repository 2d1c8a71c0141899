"""Hypothesis strategies for what users type and bring: valid, nearly valid, and garbage."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from fuzz_worker import Request
from hypothesis import strategies as st

from symdrift.study.roles import PRESETS, ROLES

Document = dict[str, Any]
SHIPPED = (
    *("anisotropic_autoencoder", "bottleneck", "elliptical", "frequent_stimulus"),
    *("isotropic_autoencoder", "misaligned_teacher", "stimulus_set", "synaptic_noise"),
    "teacher_label_noise",
)
STUDY = "study.toml"


class Raw(str):
    """Text that goes into a TOML file as it is."""


def toml(value: Any) -> str:
    """A value in the notation of TOML, tables inline."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def study_text(document: Document) -> str:
    """File of a study."""
    return "".join(f"{toml(str(key))} = {toml(value)}\n" for key, value in document.items())


def mostly(
    usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any], out_of: int = 8
) -> st.SearchStrategy[Any]:
    """What is usual, and once ``out_of`` times what is odd."""
    return st.integers(1, out_of).flatmap(lambda k: odd if k == out_of else usual)


def _decimals(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda hundredths: hundredths / 100)


# Expressions

_LETTERS = st.sampled_from(
    ["a", "x_1", "lambda", "eta", "gamma", "sigma2", "rho", "K", "h", "nu", "wd", "sqrt", "pi", "e"]
)
_NUMERALS = st.one_of(
    st.integers(0, 12).map(str),
    _decimals(0, 999).map(repr),
    st.sampled_from(
        [
            *("1e-400", "1e400", "1e100", "1e-100", "9" * 40, "9" * 400, "1_000", "0x10", "1e"),
            *(".5", "5.", "00", "1e5", "123456789012345678901234567890", "1/3", "٣"),
            "1e99999999",
        ]
    ),
)


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", "*", " / ", "**"]), inner).map("".join),
        st.tuples(inner, st.sampled_from(["**2", "**-1", "**(1/2)", "**0.5", "**64", "**0"])).map(
            "".join
        ),
        inner.map("({})".format),
        inner.map("sqrt({})".format),
        inner.map("cos({})".format),
        inner.map("-{}".format),
    )


GRAMMATICAL = st.recursive(_LETTERS | _NUMERALS, _wider, max_leaves=8)


@st.composite
def garbled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with pieces put in, left out or said twice."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        low = draw(st.integers(0, len(text)))
        high = draw(st.integers(low, min(len(text), low + 12)))
        piece = draw(
            st.sampled_from([*"()+-*/_.,=[]{}#\"'\\ \n\0\x1b\u202e"]) | st.text(max_size=3)
        )
        text = draw(
            st.sampled_from(
                [
                    text[:low] + piece + text[high:],
                    text[:low] + text[high:],
                    text[:high] + text[low:],
                    text[:low],
                ]
            )
        )
    return text


EXPRESSIONS = st.one_of(
    GRAMMATICAL,
    garbled(GRAMMATICAL),
    st.text(max_size=40),
    st.sampled_from(
        [
            *("(" * 200, "-" * 300 + "1", "x" * 600, "2**2**2**2**2**2", "1/0", "0**-1"),
            *("sqrt(-1)", "inf", "a" + "*a" * 200, "1/(a-a)", "nan", "__import__('os')"),
            *("lambda: 0", "a b", "(-8)**(1/3)"),
        ]
    ),
)


Sitting = tuple[Request, ...]
"""Requests that one user makes one after the other."""


def expression_sittings() -> st.SearchStrategy[Sitting]:
    """Texts to be read as expressions."""
    one = EXPRESSIONS.map(lambda text: Request("expression", (text,), seconds=5))
    return st.lists(one, min_size=1, max_size=6).map(tuple)


# Texts

HOSTILE = st.one_of(
    st.sampled_from(
        [
            *('""" + __import__("os").system("touch marker") + """', "\\u0", "\\w"),
            *("\\N{DIGIT ONE}", "</script><script>alert(1)</script>", "{{ 7 * 7 }}"),
            *("\\input{/etc/passwd}", "$x$", "%", "a_b^c & d # e ~", "=1+1"),
            *("=cmd|' /C calc'!A0", "+1", "-1", "@x", "[red]x[/]", "nan", "\x1b[31m"),
            *("\u202egnp", "日本語", "😀", "a" * 40, "a" * 200, "W" * 39, " ", "", "\t", "'"),
            *("a\nb", "é\u0301", "\ufeff", "x" * 5000, "\u2028", "../../up", "con", "\\", '"'),
        ]
    ),
    st.text(max_size=12),
)
NAMES = mostly(st.sampled_from(["frequent", "rare", "a", "stimulus 1", "λ", "x_1"]), HOSTILE)
LATEX = st.one_of(
    st.sampled_from(
        [r"\eta", "w", r"\hat{W}", r"\mathcal{C}", "x_1", r"\lambda", "q", "Z", r"\xi"]
    ),
    st.sampled_from(
        [r"\input{x}", "{" * 60, "}", "a" * 300, r"\def\x{}", "a{" * 49 + "}" * 49, "W W"]
    ),
    garbled(st.sampled_from([r"\hat{W}", r"\mathrm{lr}", r"\sigma^2"])),
)

# Whole studies


@st.composite
def _numbers(draw: st.DrawFn, values: Document, low: int, high: int) -> Any:
    """A number, or a symbol or expression with a value in the study."""
    value = draw(_decimals(low, high))
    if draw(st.integers(0, 3)) < 3:
        return value
    name = draw(st.sampled_from(["a", "b", "c_1", "kappa", "rho", "mu1", "delta"]))
    form = draw(st.sampled_from(["{}", "2*{}", "{}**2", "sqrt({})", "1/(1+{})", "cos({})**2"]))
    if name not in values:
        values[name] = value
    return form.format(name)


def _matrix(draw: st.DrawFn, rows: int, columns: int) -> list[list[float]]:
    return [[draw(_decimals(-200, 200)) for _ in range(columns)] for _ in range(rows)]


def _covariance(draw: st.DrawFn, values: Document, size: int) -> Any:
    form = draw(st.sampled_from(["list", "list", "scalar", "matrix"]))
    if form == "scalar":
        return draw(_numbers(values, 30, 300))
    if form == "list":
        return [draw(_numbers(values, 20, 300)) for _ in range(size)]
    lower = np.tril([[draw(st.integers(-5, 5)) / 10 for _ in range(size)] for _ in range(size)], -1)
    lower = lower + np.diag([draw(st.integers(5, 15)) / 10 for _ in range(size)])
    matrix: list[list[float]] = np.round(lower @ lower.T, 6).tolist()
    return matrix


@dataclass(frozen=True)
class Study:
    """Files of a study and what its command lines may speak of."""

    name: str
    files: Mapping[str, bytes]
    paths: tuple[str, ...]
    stimuli: tuple[str, ...] = ("axis 1", "axis 2", "frequent")


def _readings(inputs: int) -> st.SearchStrategy[Document]:
    """How the columns of a file become inputs."""
    names = [*(f"cell_{k}" for k in range(inputs)), "cell_9", *range(-1, inputs + 2), 2**70, ""]
    return st.fixed_dictionaries(
        {},
        optional={
            "columns": st.lists(st.sampled_from(names), max_size=inputs + 1),
            "center": st.sampled_from([True, False, True, "yes"]),
            "components": st.sampled_from([inputs, 1, inputs + 1, 0, -1, 2**40, "k"]),
        },
    )


Inputs = tuple[Document, dict[str, bytes]]
"""Fields of a table of inputs, and the files that they name."""


def _gaussian(draw: st.DrawFn, values: Document, n: int) -> Inputs:
    return {"covariance": _covariance(draw, values, n)}, {}


def _elliptical(draw: st.DrawFn, values: Document, n: int) -> Inputs:
    kurtosis = st.sampled_from([0.0, 0.005, 0.5, 2.0, -0.2]) | _decimals(0, 300)
    return {"covariance": _covariance(draw, values, n), "kurtosis": draw(kurtosis)}, {}


def _stimuli(draw: st.DrawFn, values: Document, n: int) -> Inputs:
    rows = draw(st.integers(n, n + 3))
    weights = [draw(st.integers(1, 5)) for _ in range(rows)]
    probabilities = [f"{weight}/{sum(weights)}" for weight in weights]
    return {"stimuli": _matrix(draw, rows, n), "probabilities": probabilities}, {}


def _samples(draw: st.DrawFn, values: Document, n: int) -> Inputs:
    name, content = draw(data_files(n))
    return {"file": name} | draw(mostly(st.just({}), _readings(n), 3)), {name: content}


INPUTS: Mapping[str, Callable[[st.DrawFn, Document, int], Inputs]] = {
    "gaussian": _gaussian,
    "elliptical": _elliptical,
    "stimuli": _stimuli,
    "samples": _samples,
}


@st.composite
def documents(draw: st.DrawFn, largest: int = 4) -> tuple[Document, dict[str, bytes]]:
    """A study as a table, valid but for what the theory refuses, and the data that it names."""
    n, m, p = (draw(st.integers(1, largest)) for _ in range(3))
    m = draw(st.sampled_from([n, m]))
    values: Document = {}
    distribution = draw(st.sampled_from(["gaussian", *INPUTS]))
    inputs, files = INPUTS[distribution](draw, values, n)
    inputs["distribution"] = distribution
    document: Document = {
        "title": draw(mostly(st.just("A study"), HOSTILE)),
        "network": {"inputs": n, "outputs": m, "hidden": p},
        "inputs": inputs,
        "learning": {
            "rate": draw(st.sampled_from([0.01, 0.001, 1e-5, "eta"])),
            "weight_decay": draw(_numbers(values, 1, 60)),
        },
    }
    if document["learning"]["rate"] == "eta":
        values["eta"] = 0.005
    if draw(st.booleans()):
        document["learning"]["batch"] = draw(st.integers(1, 8))
    if draw(st.integers(0, 3)) == 3:
        document["learning"]["synaptic_noise"] = draw(st.sampled_from([0.0, 1e-8, 1e-6]))
    if draw(st.booleans()):
        form = draw(st.sampled_from(["identity", "gains", "matrix"]))
        gains: dict[str, Callable[[], Any]] = {
            "identity": lambda: "identity",
            "gains": lambda: [draw(_numbers(values, 0, 300)) for _ in range(min(n, m))],
            "matrix": lambda: _matrix(draw, m, n),
        }
        document["teacher"] = {"map": gains[form]()}
        if draw(st.booleans()):
            noise = [draw(_numbers(values, 0, 100)) for _ in range(m)]
            document["teacher"]["label_noise"] = draw(st.sampled_from([noise, noise[0]]))
    if draw(st.integers(0, 2)) == 2:
        document["stimulus"] = [
            {"name": draw(NAMES), "vector": [draw(_decimals(-200, 200)) for _ in range(n)]}
            for _ in range(draw(st.integers(1, 3)))
        ]
    if draw(st.integers(0, 9)) == 9:
        roles = draw(st.lists(st.sampled_from(list(ROLES)), min_size=1, max_size=3, unique=True))
        document["notation"] = {role: draw(LATEX) for role in roles}
        if draw(st.booleans()):
            document["notation"]["preset"] = draw(st.sampled_from([*PRESETS, "none", ""]))
    if values:
        document["values"] = values
    return document, files


ODD = st.one_of(
    st.sampled_from(
        [
            *(0, -1, 1, 2, 0.5, -0.5, 1e-16, 1e-17, 1e-12, 1e20, 1e99, 1e150, 4096, 4097),
            *(2**63, True, "", "identity", "gaussian", "eta", "n", [], {}, [[]], [[1, 2], [3]]),
            *([1, [2]], ["a", 1], [{}]),
        ]
        + [Raw(text) for text in ("nan", "inf", "-inf", "1e-400", "1e400", "0x" + "f" * 5000)]
        + [Raw(text) for text in ("1979-05-27", "07:32:00", "9" * 3000, "-0.0", "{ a.b.c = 1 }")]
        + [[1.0] * 300, "a" * 600, [[1, 0.5], [0.5, 1]], [[1, 2], [2, 1]], 256, 1000, [0.5, 0.5]]
    ),
    EXPRESSIONS,
    HOSTILE,
    st.floats(),
    st.integers(-3, 10),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a table, outermost first."""
    entries = (
        document.items()
        if isinstance(document, Mapping)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    found = [path] if path else []
    for key, value in entries:
        found += places(value, (*path, key))
    return found


@st.composite
def spoilt(draw: st.DrawFn, document: Document) -> Document:
    """A table with one to three places changed."""
    document = deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        if not (where := places(document)):
            break
        *outer, last = draw(st.sampled_from(where))
        node: Any = document
        for step in outer:
            node = node[step]
        change = draw(st.sampled_from(["replace", "replace", "scale", "leave out", "add", "twice"]))
        if change == "replace":
            node[last] = deepcopy(draw(ODD))
        elif change == "scale" and isinstance(node[last], float):
            node[last] *= draw(st.sampled_from([0, -1, 1e-9, 1e-5, 1e5, 1e12, 1e30]))
        elif change == "leave out":
            del node[last]
        elif isinstance(node, dict):
            known = st.sampled_from(
                ["kurtosis", "file", "rule", "batch", "columns", "map", "inputs"]
            )
            node[draw(known | HOSTILE)] = deepcopy(draw(ODD))
        elif change == "twice":
            node.append(deepcopy(node[last]))
        else:
            node.insert(last, deepcopy(draw(ODD)))
    return document


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """A shipped study, or a file: valid, nearly valid, or garbage."""
    if draw(st.integers(0, 4)) == 4:
        name = draw(st.sampled_from(SHIPPED))
        return Study(name, {}, ("gamma", "eta", "learning.rate", "network.hidden", "lambda_1"))
    form = draw(st.sampled_from(["valid"] * 9 + ["spoilt"] * 5 + ["garbled", "bytes"]))
    document, files = draw(documents())
    paths = tuple(".".join(map(str, place)) for place in places(document) if place[0] != "notation")
    paths += tuple(document.get("values", ()))
    if form == "spoilt":
        document = draw(spoilt(document))
    stimuli = (
        tuple(
            str(entry.get("name", ""))
            for entry in document.get("stimulus", ())
            if isinstance(entry, Mapping)
        )
        if isinstance(document.get("stimulus", ()), list)
        else ()
    )
    content = study_text(document).encode("utf-8", "surrogatepass")
    if form == "garbled":
        text = draw(garbled(st.just(content.decode("utf-8", "replace"))))
        content = text.encode("utf-8", "surrogatepass")
    elif form == "bytes":
        content = draw(
            st.binary(max_size=60)
            | st.sampled_from(
                [
                    *(content[: len(content) // 2], b"\xff\xfe" + content),
                    *(b"\xef\xbb\xbf" + content, b"a" + b".a" * 3000 + b" = 1"),
                    *(b"a = " + b"[" * 2000, b"", b"[network]\n" * 2),
                    b"[x]\n" + b"\n".join(b"k%d = 1" % k for k in range(500)),
                ]
            )
        )
    named = stimuli or tuple(f"axis {k}" for k in range(1, 4))
    return Study(STUDY, {**files, STUDY: content}, paths, named)


# Data files

_HEADERS: Sequence[Callable[[int], list[str]]] = (
    lambda n: [],
    lambda n: [f"cell_{k}" for k in range(n)],
    lambda n: [str(k) for k in range(n)],
    lambda n: [f"{k}.0" for k in range(n)],
    lambda n: [f"1_{k}" for k in range(n)],
    lambda n: [f'"cell\n{k}"' for k in range(n)],
    lambda n: [f'"{k}, mV"' for k in range(n)],
    lambda n: [""] * n,
    lambda n: ["x"] * n,
    lambda n: ["=1+1"] * n,
)
_CELLS = ["nan", "NA", "N/A", "", "-", "null", "inf", "1e200", "1e-200", "1_5", "1,5", "x", "0x1f"]
_CELLS += ["٣", "1e400", "#N/A", "=1+1", "1.5.2", "True", '"', "'1'", " 1 ", "1e", "--1", "9" * 400]


@st.composite
def data_files(draw: st.DrawFn, inputs: int) -> tuple[str, bytes]:
    """Name and content of a file of samples, as programs and spreadsheets write it, or worse."""
    sizes = st.sampled_from([inputs + 1, max(inputs - 1, 1)])
    columns = draw(mostly(st.just(inputs), sizes))
    count = draw(mostly(st.sampled_from([40, 60, 200]), st.sampled_from([0, 1, 3, 12])))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    scale = draw(mostly(st.just(1.0), st.sampled_from([1e-6, 1e6, 1e160, 1e-160])))
    rows = scale * generator.standard_normal((count, columns)) @ np.diag(1.0 + np.arange(columns))
    if count:
        kinds = st.sampled_from(["dead", "index", "time", "mean", "repeated", "nan"])
        kind = draw(mostly(st.just(""), kinds, 3))
        column = draw(st.integers(0, columns - 1))
        if kind == "dead":
            rows[:, column:] = 0
        elif kind == "index":
            rows[:, column] = np.arange(count)
        elif kind == "time":
            rows[:, column] = 0.1 * np.arange(count) + 5
        elif kind == "mean":
            rows += 10 * scale
        elif kind == "repeated":
            rows[:, column] = rows[:, 0]
        elif kind == "nan":
            rows[draw(st.integers(0, count - 1)), column] = np.nan
    if draw(st.integers(0, 3)) == 3:
        return "data.npy", draw(_npy(rows))
    return draw(st.sampled_from(["data.csv", "data.CSV"])), draw(_csv(rows))


@st.composite
def _csv(draw: st.DrawFn, rows: Any) -> bytes:
    mark = draw(mostly(st.sampled_from([",", ";", "\t"]), st.sampled_from([" ", "|"])))
    lines = [[f"{entry:.5g}" for entry in row] for row in rows.tolist()]
    if header := draw(mostly(st.sampled_from(_HEADERS[:2]), st.sampled_from(_HEADERS), 3))(
        rows.shape[1]
    ):
        lines.insert(0, header)
    if lines and draw(st.integers(0, 3)) == 3:
        row = draw(st.integers(0, len(lines) - 1))
        lines[row][draw(st.integers(0, len(lines[row]) - 1))] = draw(st.sampled_from(_CELLS))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    trailing = draw(mostly(st.just(""), st.sampled_from([mark, " "])))
    text = end.join(mark.join(line) + trailing for line in lines) + draw(st.sampled_from(["", end]))
    firsts = st.sampled_from([f"sep={mark}{end}", "# a\n\n", "\ufeff"])
    text = draw(mostly(st.just(""), firsts, 5)) + text
    if draw(st.integers(0, 7)) == 7:
        text = draw(garbled(st.just(text)))
    return text.encode(
        draw(mostly(st.just("utf-8"), st.sampled_from(["utf-16", "latin-1"]))), "replace"
    )


@st.composite
def _npy(draw: st.DrawFn, rows: Any) -> bytes:
    form = draw(
        st.sampled_from(["f8", "f8", "f4", ">f8", "i8", "c16", "O", "U5", "?", "T", "0", "3"])
    )
    if form == "T":
        rows = np.asfortranarray(rows)
    elif form in "03":
        rows = rows[:, :, None] if form == "3" else np.array(1.0)
    elif form in ("O", "U5", "c16", "f8", ">f8"):
        rows = rows.astype(form)
    else:
        rows = np.nan_to_num(np.clip(rows, -1e9, 1e9)).astype(form)
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=True)
    content = buffer.getvalue()
    place = draw(st.integers(0, min(len(content), 140) - 1))
    changes = [
        content,
        content,
        content[:-9],
        content[:60],
        content + b"x" * 9,
        b"PK\3\4" + content,
    ]
    changes += [content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]]
    changes += [
        content.replace(b"'shape': (", b"'shape': (9", 1),
        content[:6] + b"\3" + content[7:],
    ]
    return draw(st.sampled_from(changes))


# Measurements

RATES = "rates.csv"
_QUANTITIES = ["decay_rate", "diffusion", "displacement@1000", "displacement@1e5", "displacement@2"]
_ODD_QUANTITIES = ["displacement@", "displacement@-1", "displacement@nan", "Decay_Rate", "rate", ""]
_ODD_QUANTITIES += ["displacement@1e200", "displacement@1_0", "displacement@" + "9" * 400, "=1+1"]
_VALUES = ["1e-9", "2e-8", "3.5e-7", "4e-5", "0.2", "1.7", "30"]
_ODD_VALUES = ["0", "-1e-9", "1e-90", "1e90", *_CELLS]
_MEASURED = ["stimulus", "quantity", "value", "standard_error"]
_OTHER_FILES = [
    b"PK\3\4" + b"\0" * 40,
    b"\x1f\x8b\x08" + b"\0" * 20,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
]
_OTHER_FILES += [b"", b"\n\n", b"# none\n", b"\xff\xfea\0", b"stimulus,quantity\n", b"\0" * 99]


@st.composite
def measurement_files(draw: st.DrawFn, stimuli: Sequence[str]) -> bytes:
    """Measured rates as a user writes them down, or worse."""
    if draw(st.integers(1, 15)) == 15:
        return draw(st.sampled_from(_OTHER_FILES) | st.binary(max_size=60))
    known, odd = st.sampled_from(stimuli), st.sampled_from(["axis 9", "Axis 1", " axis 1 "])
    names = mostly(known, odd | HOSTILE, 30)
    columns = list(_MEASURED)
    if draw(st.integers(1, 8)) == 8:
        columns = draw(st.permutations([*_MEASURED, draw(st.sampled_from(["note", "value", ""]))]))
    if draw(st.integers(1, 20)) == 20:
        columns = columns[:-1]
    rows = [columns]
    for _ in range(draw(mostly(st.integers(1, 6), st.just(0), 20))):
        value = draw(mostly(st.sampled_from(_VALUES), st.sampled_from(_ODD_VALUES), 30))
        row = {
            "stimulus": draw(names),
            "quantity": draw(
                mostly(st.sampled_from(_QUANTITIES), st.sampled_from(_ODD_QUANTITIES), 30)
            ),
            "value": value,
            "standard_error": draw(mostly(st.just(value), st.sampled_from(_ODD_VALUES), 20)),
        }
        rows.append([row.get(name, "") for name in columns])
    mark = draw(mostly(st.just(","), st.sampled_from([";", "\t", "|"])))
    text = "\n".join(mark.join(row) for row in rows) + "\n"
    if draw(st.integers(1, 12)) == 12:
        text = draw(garbled(st.just(text)))
    codes = st.sampled_from(["utf-16", "latin-1", "utf-8-sig"])
    return text.encode(draw(mostly(st.just("utf-8"), codes, 15)), "replace")


@st.composite
def _free_numbers(draw: st.DrawFn, study: Study) -> str:
    usual = ["gamma", "eta", "learning.rate", "learning.weight_decay", "teacher.label_noise"]
    name = draw(
        _mostly(st.sampled_from(usual) | st.sampled_from(study.paths or ("gamma",)))
        | st.sampled_from(["inputs.covariance.0", "sigma2", "network.hidden", "learning.batch"])
    )
    ends = ["0.01:1", "1e-4:1e-2", "0:2", "1:0.1", "0:0", "-1:1", "nan:1", "1:inf", "1e-90:1e90"]
    ends += ["0.1", ":", "0.1:0.2:3", "9" * 400 + ":1", "1e-400:1", "1/3:2", "a:b"]
    form = draw(st.sampled_from(["", "", f"={draw(st.sampled_from(ends[:3]))}"] * 3 + ["odd"]))
    return name + (f"={draw(st.sampled_from(ends))}" if form == "odd" else form)


@st.composite
def _fits(draw: st.DrawFn, study: Study) -> tuple[list[str], dict[str, bytes]]:
    """Options of ``fit`` with the file that they name."""
    content = draw(measurement_files(study.stimuli))
    data = draw(_mostly(mostly(st.just(RATES), st.sampled_from([STUDY, "none.csv", ".", ""]), 15)))
    words = ["--data", data]
    for _ in range(draw(mostly(st.integers(1, 2), st.sampled_from([0, 3, 9]), 12))):
        words += ["--free", draw(_free_numbers(study))]
    return words, {RATES: content}


# Command lines

_ODD_WORDS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "-1", "0", "1", "x", "nan", "inf", "1e300", "1e-300", "9" * 5000, "1.5"),
            *("--json", "٣", "1_0", "0x1", "true", "[", "1:2", "=", ".", "..", "/", "x" * 300),
            *("\u202e", "\x1b[0m"),
        ]
    ),
    HOSTILE,
).filter(lambda text: "\0" not in text)


def _mostly(usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return mostly(usual, _ODD_WORDS, 20)


@st.composite
def _assignments(draw: st.DrawFn, study: Study) -> str:
    path = draw(
        st.sampled_from(study.paths or ("gamma",))
        | st.sampled_from(study.paths or ("gamma",))
        | st.sampled_from(["learning.rate", "learning.weight_decay", "network.hidden", "eta"])
        | st.sampled_from(["inputs", "title", "values.x", "a" + ".a" * 3000, "stimulus.0.vector.0"])
        | _ODD_WORDS
    )
    value = draw(
        _decimals(1, 300).map(repr)
        | st.sampled_from(
            ["1", "2", "3", "[1, 2]", "[[1]]", "0", "1e-16", "1e-9", "identity", "256"]
        )
        | EXPRESSIONS.filter(lambda text: "\0" not in text)
        | _ODD_WORDS
    )
    return f"{path}={value}"


@st.composite
def _ranges(draw: st.DrawFn, low: Sequence[str], high: Sequence[str]) -> str:
    count = draw(_mostly(st.sampled_from(["1", "2", "3", "5"])))
    parts = [draw(_mostly(st.sampled_from(low))), draw(_mostly(st.sampled_from(high))), count]
    return ":".join(parts + draw(st.sampled_from([[], [], ["log"], ["lin"], ["log", ""]])))


_PLOTS = ("a.png", "a.svg", "a.pdf", "deep/a.png", "a.txt", "", STUDY, f"{STUDY}/a.png", "b" * 300)
LEVELS = ("full", "paper", "outline", "results")
_EXPENSIVE = 20
"""One in so many draws that could take seconds may do so."""


@st.composite
def sittings(draw: st.DrawFn) -> Sitting:
    """Commands on one study, of which most are about its numbers."""
    study = draw(studies())
    return tuple(draw(st.lists(command_lines(study), min_size=1, max_size=6)))


@st.composite
def command_lines(draw: st.DrawFn, study: Study) -> Request:
    """A command line, of any command, that speaks of this study."""
    command = draw(
        st.sampled_from(
            ["evaluate"] * 20
            + ["compare", "observe", "simulate", "validate", "derive", "report", "lesson"]
            + ["fit"] * 4
            + ["other"]
        )
    )
    if command == "other":
        return draw(_other_requests())
    words: list[str] = []
    files = dict(study.files)

    def option(name: str, values: st.SearchStrategy[str], one_in: int = 4) -> None:
        if draw(st.integers(1, one_in)) == one_in:
            words.extend((name, draw(values)))

    for _ in range(draw(st.sampled_from([0] * 6 + [1, 1, 2]))):
        words += ["--set", draw(_assignments(study))]
    slow = draw(st.integers(1, _EXPENSIVE)) == _EXPENSIVE
    plots = st.sampled_from(_PLOTS if slow else _PLOTS[4:])
    if command in ("evaluate", "compare", "observe", "validate"):
        outputs: list[list[str]] = [["--json"], ["--csv"], []]
        if command == "validate":
            outputs.remove(["--csv"])
        words += draw(mostly(st.sampled_from(outputs), st.just(["--json", "--csv"]), 20))
    if command in ("evaluate", "observe", "compare", "validate", "simulate", "report", "fit"):
        option("--minimum", _mostly(st.sampled_from(["1", "2", "3"])), 8)
    if command in ("evaluate", "observe", "fit"):
        option("--steps-per-day", _mostly(st.sampled_from(["1", "1e4", "8.64e9", "0.5"])), 8)
    if command == "evaluate":
        option("--order", _mostly(st.sampled_from(["auto", "1", "2"])), 3)
        words += draw(mostly(st.just([]), st.just(["--sensitivities"]), 12))
        paths = st.sampled_from(study.paths or ("gamma",))
        axis = st.tuples(_mostly(paths), st.just("="), _ranges(["0.1", "1"], ["2", "0.5"]))
        option("--sweep", axis.map("".join))
        option("--sweep", axis.map("".join), 12)
        option("--method", _mostly(st.sampled_from(["auto", "closed-form", "dense"])), 3)
        option("--approximation", _mostly(st.sampled_from(["exact", "white"])))
        option("--quantities", _mostly(st.sampled_from(["all", "stimuli"])))
        option("--plot", plots, 12)
    elif command == "observe":
        lags = ["1", "10", "0", "1e10"], ["1e3", "1e8", "1e29", "5"]
        option("--times", _ranges(*lags), 2)
        option("--approximation", _mostly(st.sampled_from(["exact", "white"])))
        option("--seed", _ODD_WORDS, 8)
        option("--plot", plots, 12)
    elif command == "fit":
        options, measured = draw(_fits(study))
        words += options
        files |= measured
        for flag in ("--design", "--json"):
            words += [flag] if draw(st.integers(0, 2)) == 2 else []
        option("--seed", _mostly(st.sampled_from(["0", "7"])))
        option("--plot", plots, 12)
    elif command in ("simulate", "validate"):
        words += ["--steps", draw(_mostly(st.sampled_from(["1", "2", "37", "200"])))]
        words += ["--replicas", draw(_mostly(st.sampled_from(["1", "2", "5", "8"])))]
        option("--seed", _mostly(st.sampled_from(["0", "7"])))
        option("--threads", _mostly(st.sampled_from(["1", "2"])))
        if command == "simulate":
            outs = ["a.npz", "a.npz", "a.npz", "a.txt", STUDY, f"{STUDY}/a.npz", "", ".npz"]
            option("--out", st.sampled_from(outs), 1)
        else:
            option("--precision", _ODD_WORDS, 8)
            option("--budget", _ODD_WORDS, 8)
            option("--windows", _ODD_WORDS, 8)
            option("--plot", plots, 12)
    else:
        # What is refused is refused at once; a document takes seconds.
        refused = st.sampled_from(["b" * 300, "/dev/null/x", *study.files])
        slow = slow and draw(st.integers(1, 8)) == 8
        # Data that are none are refused before anything is written, wherever that would be.
        unread = command == "report" and not slow and draw(st.booleans())
        option("--out", st.just("out") if slow or unread else refused, 1)
        if command == "derive":
            formats = ["tex", "html", "tex,html", "fragment,lean", "slides,sheet", "pdf,", "x", ""]
            option("--format", _mostly(st.sampled_from(formats)), 1)
            widths = ["article", "column", "30", "10cm", "300pt", "4in", "80mm", "-1", "1e9"]
            option("--width", _mostly(st.sampled_from(widths)))
            option("--level", _mostly(st.sampled_from(LEVELS)), 2)
            option("--where", _mostly(st.sampled_from(["hessian-pair", "step:noise", "x"])), 20)
        elif command == "lesson":
            option("--students", _mostly(st.sampled_from(["1", "2"])))
            option("--seed", _mostly(st.sampled_from(["0", "7"])))
        else:
            words += ["--no-simulation"]
            option("--level", _mostly(st.sampled_from(LEVELS)), 2)
            options, measured = draw(_fits(study))
            options, measured = draw(_fits(study))
            if unread:
                options[:2], measured = (
                    ["--data", RATES],
                    {RATES: draw(st.sampled_from(_OTHER_FILES))},
                )
            # A document of what fits takes longest of all; half of the two options is refused.
            words += draw(st.sampled_from([[], options[2:], options[:2]])) if slow else options
            files |= measured
    arguments = [command, study.name, *words]
    if draw(st.integers(1, 30)) == 30:
        arguments.insert(draw(st.integers(0, len(arguments))), draw(_ODD_WORDS))
    heavy = slow or command not in ("evaluate", "compare")
    return Request(command, tuple(arguments), files, 240 if heavy else 20)


@st.composite
def _other_requests(draw: st.DrawFn) -> Request:
    words = st.sampled_from(
        [
            *("list", "evaluate", "observe", "--help", "--version", "--json", "bottleneck"),
            *("botleneck", "--set", "--sweep", "gamma=1", "fit", "x.toml", "folder", ".."),
            *("/dev/null", "/dev/zero"),
        ]
    )
    return Request("other", tuple(draw(st.lists(words | _ODD_WORDS, max_size=4))))


# Laws: the same theory said in another way


@dataclass(frozen=True)
class Law:
    """Two requests and how the numbers of the second follow from those of the first.

    ``rates`` multiplies rates of diffusion and decay; stimulus ``k`` of the first request is
    stimulus ``order[k]`` of the second.
    """

    name: str
    first: Request
    second: Request
    rates: float
    order: tuple[int, ...]


@st.composite
def laws(draw: st.DrawFn) -> Law:
    """A Gaussian study beside itself: other units, inputs permuted, the other road."""
    n = draw(st.integers(2, 4))
    decay = draw(st.integers(5, 40)) / 100
    variances = draw(
        st.lists(st.integers(30, 300), min_size=n, max_size=n, unique_by=lambda k: k // 12)
    )
    spectrum = [Fraction(k, 100) for k in variances]
    noise = Fraction(draw(st.integers(0, 50)), 100)
    document: Document = {
        "network": {"inputs": n, "outputs": n, "hidden": draw(st.integers(1, n + 1))},
        "inputs": {"covariance": [float(value) for value in spectrum]},
        "teacher": {"label_noise": float(noise)},
        "learning": {"rate": 0.001, "weight_decay": decay, "batch": 2},
    }
    name = draw(st.sampled_from(["units", "permutation", "roads", "batch", "rate"]))
    other = deepcopy(document)
    order, rates, words = tuple(range(n)), 1.0, ("--method", "closed-form")
    if name == "units":
        factor = draw(st.sampled_from([0.01, 0.5, 3.0, 1000.0]))
        other["inputs"]["covariance"] = [factor * v for v in document["inputs"]["covariance"]]
        other["teacher"]["label_noise"] *= factor
        other["learning"] |= {"rate": 0.001 / factor, "weight_decay": decay * factor}
    elif name == "permutation":
        order = tuple(draw(st.permutations(range(n))))
        for here, there in enumerate(order):
            other["inputs"]["covariance"][there] = document["inputs"]["covariance"][here]
    elif name == "roads":
        words = ("--method", "dense")
    elif name == "batch":
        other["learning"]["batch"], rates = 4, 0.25
    else:
        other["learning"]["rate"], rates = 0.0005, 0.125
    road = draw(st.sampled_from(["closed-form", "dense"]))
    first = Request(
        f"law: {name}",
        ("evaluate", STUDY, "--json", "--method", "closed-form" if name == "roads" else road),
        {STUDY: study_text(document).encode()},
    )
    words = words if name == "roads" else ("--method", road)
    second = Request(
        f"law: {name}",
        ("evaluate", STUDY, "--json", *words),
        {STUDY: study_text(other).encode()},
    )
    return Law(name, first, second, rates, order)
