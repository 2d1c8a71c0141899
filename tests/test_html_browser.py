"""The page of a report in a real browser: quiet, self-contained, readable, accessible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install '.[test]'")
pytest.importorskip("axe_core_python", reason="axe-core is not installed: pip install '.[test]'")

import numpy as np
import sympy as sp
from browser import THEMES, WIDTHS, browser, complaints, fetched, needs_browser, overflow, show
from documents_example import example_derivation
from markupsafe import Markup
from selenium.webdriver.chrome.webdriver import WebDriver

from symdrift.derivation.steps import Equation, Step
from symdrift.documents.html import derivation_html
from symdrift.documents.numbers import Cell, FigureFile, Numbers, Table
from symdrift.documents.pycode import python_source
from symdrift.figures import blocks, decay_rates
from symdrift.figures.style import rendered
from symdrift.typesetting import mathml
from symdrift.typesetting.formula import letter
from symdrift.typesetting.reading import read

pytestmark = [pytest.mark.slow, needs_browser]

EXAMPLE = example_derivation()
EQUATIONS = [equation for step in EXAMPLE.steps for equation in step.equations]


def drawn(stem: str, figure: Any, caption: str) -> FigureFile:
    return FigureFile(f"figures/{stem}", caption, rendered(figure, ".svg").decode())


def report_page() -> str:
    """A page with everything that a report has: tables, warnings, figures of every make."""
    structure = blocks.BlockStructure(np.diag([1.0, 2.0]), np.diag([0.5, 0.1]), (1, 1))
    rates = decay_rates.DecayRates(
        ("a", "b"), np.array([1.0, 2.0]), np.array([0.1, 0.1]), np.array([1.2, 2.1])
    )
    row: tuple[Cell, ...] = (read("V_{12}"), *(["a cell that needs some room"] * 8))
    return derivation_html(
        EXAMPLE,
        Numbers(
            tables=(Table("A wide table.", ("symbol", *"abcdefgh"), (row,)),),
            figures=(
                drawn("blocks", blocks.draw(structure), "Blocks. They are small."),
                drawn("rates", decay_rates.draw(rates), 'Rates with a "quote" & more.'),
            ),
            warnings=("the learning rate is large",),
        ),
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser() as running:
        yield running


def run(driver: WebDriver, script: str, *arguments: object) -> Any:
    return driver.execute_script(script, *arguments)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_page_is_quiet_fetches_nothing_fits_its_screen_and_is_accessible(
    driver: WebDriver, page: Path, width: int, theme: str
) -> None:
    show(driver, page, width, theme)
    assert complaints(driver) == []
    assert fetched(driver) == []
    assert overflow(driver) <= 0
    # Folded text would not be looked at.
    run(driver, "document.querySelectorAll('details').forEach(part => part.open = true)")
    driver.execute_script((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    result = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(done)"
    )
    found = [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
    assert found == []
    checked = {rule["id"] for rule in result["passes"]}
    assert {"color-contrast", "heading-order", "svg-img-alt", "button-name"} <= checked
    assert run(driver, "return getComputedStyle(document.documentElement).colorScheme") == theme


def test_accessibility_rules_notice_a_page_without_them(driver: WebDriver, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><title>x</title><p style='color:#ccc;background:#fff'>pale</p><h5>no</h5>"
    )
    show(driver, bad)
    driver.execute_script((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    result = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert {"color-contrast", "html-has-lang"} <= {rule["id"] for rule in result["violations"]}


def test_buttons_copy_the_equation_as_latex_and_as_python(driver: WebDriver, page: Path) -> None:
    show(driver, page)
    copied = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const texts = [];
        navigator.clipboard.writeText = async text => { texts.push(text); };
        (async () => {
          for (const button of document.querySelectorAll(".copy button")) {
            button.click();
            await new Promise(resolve => setTimeout(resolve, 0));
            texts.push(document.getElementById("announce").textContent);
          }
          done(texts);
        })();
        """
    )
    texts, said = copied[::2], copied[1::2]
    assert texts[1::2] == [python_source(equation) for equation in EQUATIONS]
    for text, equation in zip(texts[::2], EQUATIONS, strict=True):
        assert text.startswith(r"\begin{align*}"), equation.label
    assert r"\frac{\eta^{3} \gamma^{4}}{16 \lambda_{1}}" in texts[-2]
    assert said[0] == "Copy equation 1 as LaTeX: done"
    assert len(said) == 2 * len(EQUATIONS)


def test_copying_works_where_the_clipboard_is_refused(driver: WebDriver, page: Path) -> None:
    show(driver, page)
    copied = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
        let text = "";
        document.execCommand = command => { text = document.activeElement.value; return true; };
        document.querySelectorAll(".copy button")[1].click();
        setTimeout(() => done(text), 50);
        """
    )
    assert copied == python_source(EQUATIONS[0])


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_what_is_wider_than_its_place_scrolls_by_itself_and_from_the_keyboard(
    driver: WebDriver, page: Path, width: int
) -> None:
    show(driver, page, width)
    strips = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        // What is folded is measured when it is shown.
        for (const folded of document.querySelectorAll("details")) folded.open = true;
        requestAnimationFrame(() => setTimeout(() => done(
          [...document.querySelectorAll(".strip")].map(strip => ({
            wide: strip.scrollWidth > strip.clientWidth + 1,
            reached: strip.tabIndex === 0,
            name: strip.getAttribute("aria-label"),
            shadow: getComputedStyle(strip).backgroundImage.includes("gradient"),
            height: strip.scrollHeight - strip.clientHeight,
          }))), 50));
        """
    )
    assert strips
    for strip in strips:
        assert strip["wide"] == strip["reached"] == bool(strip["name"])
        assert strip["shadow"]
        assert strip["height"] <= 0
    if width == WIDTHS["phone"]:
        assert any(strip["wide"] for strip in strips)


def test_steps_fold_and_links_open_what_they_lead_to(driver: WebDriver, page: Path) -> None:
    show(driver, page)
    count = "return [...document.querySelectorAll('details.step')].filter(s => s.open).length"
    assert run(driver, count) == len(EXAMPLE.steps)
    run(driver, "document.getElementById('fold').click()")
    assert run(driver, count) == 0
    label = EQUATIONS[-1].label
    opened = driver.execute_async_script(
        f"""
        const done = arguments[arguments.length - 1];
        location.hash = "#eq-{label}";
        setTimeout(() => done(document.getElementById("eq-{label}").checkVisibility()), 100);
        """
    )
    assert opened


def test_a_long_equation_is_folded_and_its_description_fits_a_phone(
    driver: WebDriver, tmp_path: Path
) -> None:
    first, *symbols = sp.symbols("gamma a b c", positive=True)
    long = sp.Eq(sp.Symbol("y"), sp.expand(sum(symbols, first) ** 9), evaluate=False)
    brief = sp.Eq(sp.Symbol("y"), sp.Symbol("z") ** 9, evaluate=False)
    equation = Equation("huge", long, brief=brief)
    step = Step("huge", "Huge", "Huge", "A sentence.", equations=(equation,))
    page = tmp_path / "long.html"
    page.write_text(derivation_html(replace(EXAMPLE, steps=(step,))), encoding="utf-8")
    show(driver, page, WIDTHS["phone"])
    strips = "return [...document.querySelectorAll('.equation .strip')]"
    visible = run(driver, f"{strips}.map(strip => strip.checkVisibility())")
    assert visible == [True, False]
    wide = run(driver, f"{strips}.map(strip => strip.scrollWidth > strip.clientWidth + 1)")
    assert not wide[0]
    run(driver, "document.querySelector('.whole > summary').click()")
    assert run(driver, f"{strips}.map(strip => strip.checkVisibility())") == [True, True]
    assert overflow(driver) <= 0


def test_on_paper_everything_is_open_dark_is_light_and_nothing_can_be_pressed(
    driver: WebDriver, page: Path
) -> None:
    show(driver, page, theme="dark")
    run(driver, "document.getElementById('fold').click()")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    seen = run(
        driver,
        """
        dispatchEvent(new Event("beforeprint"));
        const visible = query => [...document.querySelectorAll(query)]
          .filter(part => part.checkVisibility()).length;
        const state = {
          buttons: visible("button"), equations: visible(".equation[id]"),
          checks: visible(".checks li"), page: getComputedStyle(document.body).backgroundColor,
        };
        dispatchEvent(new Event("afterprint"));
        state.after = document.querySelectorAll("details.step[open]").length;
        return state;
        """,
    )
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == {
        "buttons": 0,
        "equations": len(EQUATIONS),
        "checks": sum(len(step.checks) for step in EXAMPLE.steps),
        "page": "rgb(255, 255, 255)",
        "after": 0,
    }


def test_the_reader_can_overrule_the_theme_of_the_system(driver: WebDriver, page: Path) -> None:
    show(driver, page, theme="light")
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = run(driver, colour)
    run(driver, "document.getElementById('theme').click()")
    assert run(driver, colour) != before
    run(driver, "document.getElementById('theme').click()")
    assert run(driver, colour) == before


def test_figures_are_part_of_the_page_and_keep_their_names_apart(
    driver: WebDriver, page: Path
) -> None:
    show(driver, page)
    state = run(
        driver,
        """
        const names = [...document.querySelectorAll("[id]")].map(part => part.id);
        const used = [...document.querySelectorAll("svg use")].map(u => u.getAttribute("href"));
        const boxes = [...document.querySelectorAll("figure svg")].map(s => s.getBBox().width);
        return {twice: names.length - new Set(names).size, boxes,
                lost: used.filter(name => !document.getElementById(name.slice(1))).length,
                used: used.length,
                labels: [...document.querySelectorAll("figure svg")]
                  .map(s => s.getAttribute("aria-label"))};
        """,
    )
    assert state["twice"] == 0
    assert state["used"] > 0
    assert state["lost"] == 0
    assert len(state["boxes"]) == 2
    assert min(state["boxes"]) > 100
    assert state["labels"] == ["Figure 1: Blocks.", 'Figure 2: Rates with a "quote" & more.']


def test_figures_are_as_large_on_a_phone_as_letters_need(driver: WebDriver, page: Path) -> None:
    """A figure wider than the screen scrolls in its own strip; the page does not."""
    show(driver, page, WIDTHS["phone"])
    state = run(
        driver,
        """
        return [...document.querySelectorAll("figure svg")].map(picture => {
          const strip = picture.closest(".strip");
          return {scale: picture.getBoundingClientRect().width / picture.viewBox.baseVal.width,
                  scrolls: strip.scrollWidth > strip.clientWidth, name: strip.ariaLabel};
        });
        """,
    )
    # A point of the drawing is 4/3 pixels at full size; type of 9 points then has 12 pixels.
    assert all(figure["scale"] * 9 > 10 for figure in state)
    assert all(figure["scrolls"] for figure in state)
    assert [figure["name"] for figure in state] == [
        "figure 1, scrolls sideways", "figure 2, scrolls sideways"
    ]  # fmt: skip
    assert overflow(driver) <= 0


def test_punctuation_stays_on_the_line_of_its_formula(driver: WebDriver, tmp_path: Path) -> None:
    one, other = mathml.inline(letter("U")), mathml.inline(letter("W"))
    pieces = [one, Markup(". It "), other, Markup(" ends.")]
    path = tmp_path / "narrow.html"
    path.write_text(
        "<!DOCTYPE html><html lang='en'><title>x</title><style>.unbroken { white-space: nowrap }"
        f"</style><div style='width: 1px'>{mathml.joined(pieces)}</div>",
        encoding="utf-8",
    )
    show(driver, path)
    # In a column of no width every break that is allowed is taken.
    tops = run(
        driver,
        """
        const top = (node, at) => {
          const range = document.createRange();
          range.setStart(node, at); range.setEnd(node, at + 1);
          return range.getBoundingClientRect().bottom;
        };
        const [first, second] = document.querySelectorAll("math");
        const bottom = element => element.getBoundingClientRect().bottom;
        return [top(first.nextSibling, 0) - bottom(first),
                top(second.nextSibling, 1) - bottom(second)];
        """,
    )
    assert abs(tops[0]) < 8, "the full stop follows its formula"
    assert tops[1] > 10, "the next word does not"


def test_the_policy_of_the_page_stops_any_other_script(driver: WebDriver, tmp_path: Path) -> None:
    text = report_page().replace("</body>", "<script>document.title = 'stolen'</script></body>")
    path = tmp_path / "changed.html"
    path.write_text(text, encoding="utf-8")
    show(driver, path)
    assert driver.title == EXAMPLE.title
    assert any("Content Security Policy" in message for message in complaints(driver))
