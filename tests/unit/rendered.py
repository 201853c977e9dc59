"""Markdown as GitHub shows it: rendered by another library, and its text sorted by where it stands."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt


@dataclass
class Page:
    """What a reader sees."""

    tags: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    """The table's rows, its head included, as the text of their cells."""
    in_code: list[str] = field(default_factory=list)
    """The text of each `code` and `pre`, which GitHub leaves alone."""
    prose: str = ""
    """All other text: there a name would notify, and a number refer."""


def rendered(markdown: str) -> Page:
    """Return a document as GitHub would render it: tables, links from bare addresses, and the HTML that is in it."""
    renderer = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    reader = _Reader()
    reader.feed(renderer.render(markdown))
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.page.tags.append(tag)
        self.page.attributes += [name for name, _ in attributes]
        if tag in ("br", "hr", "img"):
            return
        self._open.append(tag)
        if tag == "tr":
            self.page.rows.append([])
        elif tag in ("td", "th"):
            self.page.rows[-1].append("")
        elif tag in ("code", "pre"):
            self.page.in_code.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & {*self._open}:
            self.page.rows[-1][-1] += data
        if {"code", "pre"} & {*self._open}:
            self.page.in_code[-1] += data
        else:
            self.page.prose += data

    def handle_comment(self, data: str) -> None:
        self.page.tags.append("comment")
