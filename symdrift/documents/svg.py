"""Figures as part of a page: names of their own, colours from the page's style sheet."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from symdrift.figures.style import COLOURS

_PREAMBLE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
# It would hold for every element of the page; the style sheet of the page has the rule.
_STYLE = re.compile(r'<defs>\s*<style type="text/css">.*?</style>\s*</defs>', re.DOTALL)
_OPENING = re.compile(r"<svg\b[^>]*?(viewBox=\"[^\"]*\")[^>]*>")
_NAME = re.compile(r'\sid="([^"]*)"')
_USE = re.compile(r"(?:href=\"|url\()#([^\")]*)")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_TOKENS = {
    **{name.lower(): f"var(--series-{place})" for place, name in enumerate(COLOURS[:6], start=1)},
    "#000000": "currentColor",
    "#ffffff": "var(--page)",
    "#4c4c4c": "var(--quiet)",
    "#666666": "var(--quiet)",
}


def embedded(svg: str, identifier: str, label: str) -> Markup:
    """``<svg>`` element for a page that holds several figures.

    Parameters
    ----------
    svg : str
        A file that Matplotlib wrote.
    identifier : str
        Comes before every name inside the figure, so that figures do not use each other's.
    label : str
        What the figure is, for readers who do not see it.
    """
    text = _STYLE.sub("", _PREAMBLE.sub("", svg)).strip()
    # Names that nothing uses go: Matplotlib gives equal images the same one.
    used = set(_USE.findall(text))
    text = _NAME.sub(lambda name: f' id="{identifier}-{name[1]}"' * (name[1] in used), text)
    text = _USE.sub(lambda use: use[0].replace("#", f"#{identifier}-"), text)
    text = text.replace("xlink:href=", "href=")
    text = _COLOUR.sub(lambda match: _TOKENS.get(match.group(), match.group()), text)
    attributes = f'role="img" aria-label="{escape(label)}"'
    text, found = _OPENING.subn(lambda match: f"<svg {match[1]} {attributes}>", text)
    if found != 1:
        raise ValueError(f"figure {identifier} is not one SVG element")
    # Line breaks and indentation of Matplotlib's files are a quarter of their size.
    return Markup(re.sub(r"\s*\n\s*", " ", text).replace("> <", "><"))
