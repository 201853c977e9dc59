"""A page taken apart by the standard library's parser: its tags, its texts, its data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from leakcheck.model.run import Run
from leakcheck.reporters.html.page import render_report

_VOID = {"meta", "br", "input", "link", "img", "hr"}


@dataclass(slots=True)
class Element:
    """One element as it was opened."""

    tag: str
    attributes: dict[str, str]
    within: tuple[str, ...]
    """The classes of all that it stands in."""
    text: str = ""


@dataclass(slots=True)
class Page:
    """All elements of a page, in order."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def all(self, tag: str, class_: str = "") -> list[Element]:
        """Return the elements with a tag, and a class where one is given."""
        return [
            one
            for one in self.elements
            if one.tag == tag and (not class_ or class_ in one.attributes.get("class", "").split())
        ]

    @property
    def data(self) -> Any:
        """Return what the page's scripts read."""
        (script,) = [one for one in self.all("script") if one.attributes.get("type") == "application/json"]
        return json.loads(script.text)

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return what a stranger's text must not change: each tag with the names of its attributes."""
        return [(one.tag, tuple(one.attributes)) for one in self.elements]


class _Parser(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        within = tuple(name for one in self._open for name in one.attributes.get("class", "").split())
        element = Element(tag, attributes, within)
        self._page.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data


def page_of(run: Run, memray_pages: Mapping[str, str] | None = None) -> Page:
    """Return the report of a run, taken apart; fail where an element is closed that is not open."""
    [(name, content)] = render_report(run, memray_pages)
    assert name == "report.html"
    page = Page(content.decode("utf-8"))
    parser = _Parser(page)
    parser.feed(page.source)
    parser.close()
    assert not parser._open
    return page
