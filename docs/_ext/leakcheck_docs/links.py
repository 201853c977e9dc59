"""Links in Markdown that lead out of the guide's folder: right on GitHub, and made right for the build."""

import re

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Files at the top of the checkout, and the pages of the guide that show them."""

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>(?!\w+:|#|/)[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_UP = "../"


def from_docs(text: str) -> str:
    """Return a page of docs/ for the build: links to files beside docs/ become pages of the guide, or plain text."""

    def link(found: re.Match[str]) -> str:
        path = found["path"]
        if not path.startswith(_UP):
            return found[0]
        return _to(path.removeprefix(_UP), found)

    return _LINK.sub(link, text)


def from_root(text: str) -> str:
    """Return a file from the top of the checkout for the build, as a page in docs/."""

    def link(found: re.Match[str]) -> str:
        path = found["path"]
        if path.startswith("docs/"):
            return f"[{found['text']}]({path.removeprefix('docs/')}{found['anchor'] or ''})"
        return _to(path, found) if path else found[0]

    return _LINK.sub(link, text)


def _to(path: str, found: re.Match[str]) -> str:
    if path in PAGES:
        return f"[{found['text']}]({PAGES[path]}{found['anchor'] or ''})"
    return found["text"]  # a source file is no page
