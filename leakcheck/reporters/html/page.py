"""Render the HTML report: template, styles, scripts and data in one file.

Three things keep foreign text from becoming markup: control and right-to-left characters are escaped
first, Jinja escapes whatever it prints, and the data is JSON without a single `<`. Should one of them
fail, the page's content security policy allows only this style and this script, by their hashes.
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

from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.html.flamegraph import Flamegraphs
from leakcheck.reporters.html.sections import fold_frames, links_of, sections_of
from leakcheck.reporters.html.template_cache import bytecode_cache
from leakcheck.reporters.messages import cells
from leakcheck.reporters.messages.answers import statuses
from leakcheck.reporters.messages.baseline import change_text
from leakcheck.reporters.messages.causes import container_text, frame_location, native_text, path_text
from leakcheck.reporters.messages.result import WORST_FIRST
from leakcheck.reporters.messages.run import RunFact, run_phrases, run_sentences

if TYPE_CHECKING:
    from leakcheck.model.comparison import Comparison

REPORT, COMPARISON = "report.html", "compare.html"
_HERE = Path(__file__).parent
_SCRIPTS = ("units.js", "theme.js", "chart.js", "tree.js", "flame.js")


@escape_arguments
def render_report(run: Run, memray_pages: Mapping[str, str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the report of a run as one file; `memray_pages` has links to memray's own pages by result id."""
    flames = Flamegraphs()
    sections = sections_of(run, flames, memray_pages or {})
    charts = {
        anchor: chart.data
        for section in sections
        for anchor, chart in [(section.anchor, section.chart), *((card.anchor, card.chart) for card in section.cards)]
        if chart is not None
    }
    style, script = _asset("report.css"), "\n".join(map(_asset, _SCRIPTS))
    template = _environment().get_template("report.html")
    page = template.render(
        run=run,
        headline=", ".join(run_phrases(run, RunFact.OUTCOME, RunFact.UNFINISHED)),
        gate=next((gate for gate in WORST_FIRST if any(result.gate is gate for result in run.results)), "none"),
        links=links_of(sections),
        where=run_phrases(run, RunFact.ENVIRONMENT, RunFact.BASELINE),
        duration=run_phrases(run, RunFact.DURATION),
        sections=sections,
        remarks=run_sentences(run),
        data=json_data({"charts": charts, **flames.data}),
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
    )
    yield REPORT, page.encode("utf-8")


@escape_arguments
def render_comparison(comparison: "Comparison") -> Iterator[tuple[str, bytes]]:
    """Yield a comparison as one file."""
    # imported here: it needs CSV and Markdown, which the report of a run does not
    from leakcheck.reporters import comparison as forms

    environment = _environment()
    environment.filters |= {
        "answered": forms.verdict_text,
        "arm": forms.side_text,
        "changed": forms.change_text,
        "figure": forms.figure_text,
        "pair": forms.pair_text,
    }
    style, script = _asset("report.css"), _asset("theme.js")
    page = environment.get_template("compare.html").render(
        comparison=comparison, style=Markup(style), script=Markup(script), policy=content_policy(style, script)
    )
    yield COMPARISON, page.encode("utf-8")


def content_policy(style: str, script: str) -> str:
    """Return the content security policy that allows this style and this script, and nothing else."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'none'; "
        "img-src 'none'; base-uri 'none'; form-action 'none'"
    )


def json_data(value: object) -> Markup:
    """Return JSON for a script element: without `<`, and with control characters escaped."""
    text = json.dumps(_escaped(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return escape_control(value)
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    if isinstance(value, dict):
        return {escape_control(name): _escaped(part) for name, part in value.items()}
    return [_escaped(part) for part in value] if isinstance(value, list | tuple) else value


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
        bytecode_cache=bytecode_cache(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # our own Markup is of another type, and stays as it is
        finalize=lambda value: escape_control(value) if type(value) is str else value,
    )
    environment.filters |= {
        "statuses": statuses,
        "budget": cells.budget_text,
        "change": change_text,
        "container": container_text,
        "native": native_text,
        "folded": fold_frames,
        "gate": lambda result: cells.GATE_WORDS[result.gate],
        "growth": cells.growth_text,
        "p50": cells.p50_text,
        "path": path_text,
        "place": frame_location,
        "reasons": cells.gate_reasons,
        "size": cells.size_text,
        "verdict": cells.verdict_text,
    }
    return environment
