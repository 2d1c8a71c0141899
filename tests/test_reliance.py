"""What rests on what: read off the steps, without circles, and with the premises of each result."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache

import pytest

from symdrift.derivation.reliance import circle, nearest_only, reached, with_reliance
from symdrift.derivation.steps import Derivation, Link
from symdrift.documents.html import derivation_html
from symdrift.documents.levels import ELABORATIONS, at_level, essential_labels
from symdrift.documents.reliance_graph import reliance_graph
from symdrift.errors import RequestError
from symdrift.study import read_study
from symdrift.theory.derive import derive

GAUSSIAN, OTHER = "anisotropic_autoencoder", "elliptical"


@cache
def derived(study: str) -> Derivation:
    return derive(read_study(study))


def uses(derivation: Derivation) -> dict[str, tuple[str, ...]]:
    return {e.label: e.rests_on for step in derivation.steps for e in step.equations}


@pytest.mark.parametrize("study", [GAUSSIAN, OTHER])
def test_no_equation_rests_on_itself(study: str) -> None:
    assert circle(uses(derived(study))) == ()


def test_a_circle_of_reasons_is_found() -> None:
    """The fluctuation said to follow from what follows from it."""
    steps = list(derived(GAUSSIAN).steps)
    place = steps.index(derived(GAUSSIAN)["lyapunov"])
    first, *others = steps[place].equations
    early = replace(first, links=(Link("by [eq:summed]", first.expression),))
    steps[place] = replace(steps[place], equations=(early, *others))
    found = {e.label: e.rests_on for step in with_reliance(steps) for e in step.equations}
    assert {first.label, "summed"} <= set(circle(found))


def test_results_on_shared_axes_need_gaussian_inputs_and_the_theory_behind_them_does_not() -> None:
    needing = set(derived(GAUSSIAN).needing("Gaussian inputs"))
    assert {"noise-pair", "lyapunov-solution", "term", "own-term", "total", "decay-rate"} <= needing
    assert {"fluctuation-own", "isotropic", "critical-noise", "study-variance"} <= needing
    assert not needing & {"hessian-pair", "lyapunov", "excess-loss", "covariance", "mean", "rate"}


def test_fluctuations_need_a_strict_minimum_and_orders_of_stimuli_small_weight_decay() -> None:
    derivation = derived(GAUSSIAN)
    strict, small = (
        set(derivation.needing(name)) for name in ("strict minimum", "small weight decay")
    )
    assert {"lyapunov", "term", "isotropic-quiet", "study-variance"} <= strict
    assert not strict & {"singular-value", "hessian-pair", "noise-pair"}
    assert {"small-terms-121", "frequency-lead", "turning-noise", "slopes-1total"} <= small
    assert not small & {"frequency-rates", "isotropic", "total"}


def test_label_noise_and_weight_decay_are_assumed_where_they_are_left_out_or_divided_by() -> None:
    derivation = derived(GAUSSIAN)
    quiet, decaying = (
        set(derivation.needing(name)) for name in ("no label noise", "positive weight decay")
    )
    assert {"isotropic-quiet", "small-own", "frequency-rate", "irrelevant", "white-ratio"} <= quiet
    assert not quiet & {"isotropic", "total", "frequency-noise", "critical-noise", "noise-turning"}
    assert not quiet & {"turning-noise", "study-variance", "critical-labels"}
    assert {"balance", "learned-map", "factored", "imbalance-mean", "total"} <= decaying
    assert not decaying & {"sample-loss", "update", "balance-identity", "no-turn"}


def test_of_other_inputs_only_what_is_about_gaussian_ones_needs_them() -> None:
    assert set(derived(OTHER).needing("Gaussian inputs")) == {
        "moments",
        "map-noise-gaussian",
        "squared-input",
    }
    assert "map-noise-elliptical" in derived(OTHER).needing("elliptical inputs")


def test_what_two_derivations_share_needs_the_same_inputs_in_both() -> None:
    shared = uses(derived(GAUSSIAN)).keys() & uses(derived(OTHER)).keys()
    for premise in ("Gaussian inputs", "elliptical inputs"):
        one, two = (set(derived(study).needing(premise)) for study in (GAUSSIAN, OTHER))
        assert one & shared == two & shared


def test_a_step_rests_on_what_its_equations_use() -> None:
    assert {"decay-matrix"} <= set(derived(OTHER)["diffusion"].rests_on)
    assert "term" in derived(GAUSSIAN)["total"].rests_on
    assert "total" in derived(GAUSSIAN).used_by("term")


def test_a_shorter_document_rests_on_the_same_past_what_it_leaves_out() -> None:
    full, paper = uses(derived(GAUSSIAN)), uses(at_level(derived(GAUSSIAN), "paper"))
    for label, names in paper.items():
        assert set(names) <= paper.keys() & reached(label, full)


def test_the_page_links_what_an_equation_rests_on() -> None:
    page = derivation_html(at_level(derived(OTHER), "outline"))
    assert "What equation" in page
    ids = set(re.findall(r'id="(eq-[^"]*)"', page))
    assert set(re.findall(r'href="#(eq-[^"]*)"', page)) <= ids


@pytest.mark.parametrize(("study", "level"), [(GAUSSIAN, "full"), (OTHER, "outline")])
def test_the_picture_has_each_equation_and_lines_from_the_left_that_lead_to_all_it_rests_on(
    study: str, level: str
) -> None:
    """Read back from the picture: where boxes stand, and from which of them lines come."""
    derivation = at_level(derived(study), level)
    root = ElementTree.fromstring(reliance_graph(derivation, "derivation.html"))
    svg = "{http://www.w3.org/2000/svg}"
    nodes = {node.attrib["href"].partition("#eq-")[2]: node for node in root.iter(f"{svg}a")}
    used = uses(derivation)
    assert list(nodes) == list(used)
    beside: dict[tuple[float, float], str] = {}
    columns: dict[str, float] = {}
    starts: dict[str, list[tuple[str, str]]] = {}
    for label, node in nodes.items():
        box = node.find(f"{svg}rect")
        assert box is not None
        left, top, width, height = (
            float(box.attrib[name]) for name in ("x", "y", "width", "height")
        )
        beside |= {(round(x, 1), round(top + height / 2, 1)): label for x in (left, left + width)}
        columns[label] = left
        path = node.find(f"{svg}path")
        starts[label] = re.findall(r"M(\S+) ([^C]+)C", "" if path is None else path.attrib["d"])
    drawn = {
        label: [beside[float(x), float(y)] for x, y in found] for label, found in starts.items()
    }
    assert drawn == nearest_only(used)
    assert all(columns[name] <= columns[label] for label in drawn for name in drawn[label])
    assert all(reached(label, drawn) == reached(label, used) for label in used)
    needing = {label for label, node in nodes.items() if "Gaussian" in "".join(node.itertext())}
    assert needing == set(used) & set(derived(study).needing("Gaussian inputs"))


@pytest.mark.parametrize(("study", "most"), [(GAUSSIAN, 32), (OTHER, 25)])
def test_few_equations_are_neither_used_nor_a_result_nor_an_elaboration(
    study: str, most: int
) -> None:
    """The number may only fall: of those left the text does not say what they are for."""
    derivation = derived(study)
    used = {name for names in uses(derivation).values() for name in names}
    results = ELABORATIONS | essential_labels(derivation)
    results |= {
        e.label
        for step in derivation.steps
        if step.section == derivation.steps[-1].section or step.identifier in ELABORATIONS
        for e in step.equations
    }
    assert len(ends := uses(derivation).keys() - used - results) <= most, sorted(ends)


def test_an_unknown_premise_is_refused_with_those_that_exist() -> None:
    with pytest.raises(RequestError, match="Gaussian inputs"):
        derived(OTHER).needing("inputs of any kind")
