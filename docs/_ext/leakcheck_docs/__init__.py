"""The guide's reference, made from the code when the guide is built.

A page holds a comment such as `<!-- filled in: commands -->`, which nobody sees on GitHub, and the build puts
Markdown in its place. So a page is Markdown with or without the build, and what is generated cannot drift.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakcheck_docs import api, codes, commands, contents, documents, plugin, settings
from leakcheck_docs.links import from_docs, from_root

if TYPE_CHECKING:
    from sphinx.application import Sphinx

GENERATED: dict[str, Callable[[], str]] = {
    "api": api.markdown,
    "commands": commands.markdown,
    "configuration": settings.markdown,
    "exit codes": codes.markdown,
    "pytest options": plugin.markdown,
    "run document": documents.markdown,
}
_MARK = re.compile(r"^<!-- filled in: (?P<what>[\w ./]+) -->$", re.MULTILINE)
_FILE = "file "


def setup(app: Sphinx) -> dict[str, Any]:
    """Have Sphinx ask us for what stands in a page."""
    app.connect("source-read", _read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    folder = Path(app.srcdir)
    text = filled_in(from_docs(source[0]), folder.parent)
    if page == app.config.root_doc:
        text = contents.with_toctrees(text)
    source[0] = text


def filled_in(text: str, root: Path) -> str:
    """Return a page with Markdown in the place of each comment. Raises KeyError for a comment that asks for nothing.

    `<!-- filled in: file NAME -->` is a file at the top of the checkout `root`, without its title.
    """

    def fill(mark: re.Match[str]) -> str:
        what = mark["what"]
        if what.startswith(_FILE):
            return _without_title(root / what.removeprefix(_FILE))
        return GENERATED[what]()

    return _MARK.sub(fill, text)


def _without_title(path: Path) -> str:
    if not path.is_file():
        return ""
    _, _, rest = path.read_text(encoding="utf-8").partition("\n")
    return from_root(rest)
