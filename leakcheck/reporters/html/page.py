"""The page itself: a template, its own styles and scripts, and the data, in one file that is allowed nothing else.

Three things keep a stranger's text from becoming markup: all of it is made plain first (no control or
right-to-left mark reaches the page), Jinja escapes whatever it prints, and the data is JSON without a
single `<`. Should one of them fail, the page's policy runs no script and loads nothing but what stands
here by its hash.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Run
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.html.flamegraph import Flamegraphs
from leakcheck.reporters.html.sections import answer_of, change_words, folded, remarks, sections_of
from leakcheck.reporters.html.template_cache import compiled_templates
from leakcheck.reporters.messages.answers import statuses
from leakcheck.reporters.messages.causes import container_words, explained_words, native_words, path_words, place
from leakcheck.reporters.messages.verdict import budget_words
from leakcheck.reporters.terminal import environment_words, gate_words, growth_words

if TYPE_CHECKING:
    from leakcheck.model.comparison import Comparison

REPORT, COMPARISON = "report.html", "compare.html"
_HERE = Path(__file__).parent
_SCRIPTS = ("units.js", "theme.js", "chart.js", "tree.js", "flame.js")


@plainly
def render_report(run: Run, memray_pages: Mapping[str, str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the report of a run as one file; `memray_pages` are links to memray's own pages by result id."""
    flames = Flamegraphs()
    sections = sections_of(run, flames, memray_pages or {})
    charts = {
        anchor: chart.data
        for section in sections
        for anchor, chart in [(section.anchor, section.chart), *((card.anchor, card.chart) for card in section.cards)]
        if chart is not None
    }
    style, script = _asset("report.css"), "\n".join(map(_asset, _SCRIPTS))
    page = (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            answer=answer_of(run, sections),
            sections=sections,
            remarks=tuple(remarks(run)),
            data=as_data({"charts": charts, **flames.data}),
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
        )
    )
    yield REPORT, page.encode("utf-8")


@plainly
def render_comparison(comparison: "Comparison") -> Iterator[tuple[str, bytes]]:
    """Yield a before/after table as one file."""
    style, script = _asset("report.css"), _asset("theme.js")
    page = (
        _environment_of_comparisons()
        .get_template("compare.html")
        .render(comparison=comparison, style=Markup(style), script=Markup(script), policy=policy(style, script))
    )
    yield COMPARISON, page.encode("utf-8")


def policy(style: str, script: str) -> str:
    """Return the content security policy that lets this style and this script in, and nothing else at all."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'none'; "
        "img-src 'none'; base-uri 'none'; form-action 'none'"
    )


def as_data(value: object) -> Markup:
    """Return JSON that can stand in a script element: there is no `<` in it, and no text is more than plain."""
    text = json.dumps(_plainly(value), separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _plainly(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    if isinstance(value, dict):
        return {plain(name): _plainly(one) for name, one in value.items()}
    return [_plainly(one) for one in value] if isinstance(value, list | tuple) else value


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache
def _asset(name: str) -> str:
    text = (_HERE / "assets" / name).read_text(encoding="utf-8")
    assert "</s" not in text, f"{name} would end its own element"
    return text


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        bytecode_cache=compiled_templates(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # markup that was made here stays as it is; of a stranger's text nothing but plain letters is left
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters |= {
        "statuses": statuses,
        "budget": budget_words,
        "change": change_words,
        "container": container_words,
        "explained": explained_words,
        "native": native_words,
        "duration": format_duration,
        "folded": folded,
        "gate": gate_words,
        "growth": growth_words,
        "path": path_words,
        "place": place,
        "size": format_size,
        "where": environment_words,
    }
    return environment


@lru_cache
def _environment_of_comparisons() -> Environment:
    from leakcheck.reporters import comparison as contrast  # with CSV and Markdown, which no report of a run needs

    environment = _environment()
    environment.filters |= {
        "answered": contrast.answer_words,
        "arm": contrast.arm_words,
        "changed": contrast.change_words,
        "figure": contrast.figure_words,
        "pair": contrast.pair_words,
    }
    return environment
