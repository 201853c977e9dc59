"""The table of contents: the lists of links on the first page, as the side bar of the built guide."""

import re
from collections.abc import Iterator

_HEADING = re.compile(r"## (?P<title>.+)")
_ENTRY = re.compile(r"- \[[^\]]*\]\((?P<page>[\w/-]+)\.md\)")


def with_toctrees(text: str) -> str:
    """Return the first page with a hidden toctree for each heading that has a list of pages below it."""
    lines = text.splitlines()
    trees = [_toctree(title, pages) for title, pages in _sections(lines) if pages]
    return "\n".join([*lines, "", *trees])


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    title, pages = "", list[str]()
    for line in lines:
        if heading := _HEADING.match(line):
            yield title, pages
            title, pages = heading["title"], []
        elif entry := _ENTRY.match(line):
            pages.append(entry["page"])
    yield title, pages


def _toctree(title: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])
