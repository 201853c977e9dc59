"""A page of the documentation as its tests see it: blocks in order, and what is wrong with how they are written.

    fenced `python`, `toml`, `yaml`, `ini`  written to the file that the first line names: `# scenarios.py`, or
                                            `# pyproject.toml, added` to append; Python without a name is executed
    fenced `sh`                             commands, one a line; `# exit code 1` at the end says another end than 0
    fenced `text`, `json`, `groovy`         is shown

A comment on the line before a block says what is special: `<!-- not run: REASON -->`, `<!-- slow -->`, and
`<!-- in: FOLDER -->`, which may also stand at the page's top.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).parents[2]

WRITTEN = ("python", "toml", "yaml", "ini")
"""Languages whose blocks may be files."""

SHOWN = ("text", "json", "groovy")
"""Languages whose blocks are looked at."""

LANGUAGES = (*WRITTEN, "sh", *SHOWN)

NOT_PROSE = frozenset({"architecture.md"})
"""Pages of docs/ that are for those who work on the project, and show no commands."""

GENERATED = re.compile(r"<!-- generated\b")
"""How a page that a program writes begins, within its first lines: its commands are tested where they are made."""

_LINKS = ("link_open", "image")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)
_DIRECTIVE = re.compile(r"(?P<word>not run|in|slow)(?::\s*(?P<value>.+))?", re.DOTALL)
_FILE = re.compile(r"# (?P<name>[\w.-]+(?:/[\w.-]+)*\.\w+)(?P<added>, added)?")
_EXIT_CODE = re.compile(r"\s# exit code (?P<code>\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line of a block of commands, and the exit code that the page promises."""

    text: str
    line: int
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """The first line of its text, as the page's lines are counted."""
    folder: str | None = None
    """From here on the page is in a copy of this; None where it stays where it was."""
    not_run: str | None = None
    """Why it is left out."""
    slow: bool = False

    @property
    def file(self) -> str | None:
        """The file that it is written to."""
        found = self._heading()
        return found["name"] if found else None

    @property
    def is_added(self) -> bool:
        """Whether the file keeps what it had."""
        found = self._heading()
        return bool(found and found["added"])

    @property
    def commands(self) -> list[Command]:
        """The commands of a block of commands."""
        return list(_commands(self)) if self.language == "sh" else []

    def _heading(self) -> "re.Match[str] | None":
        return _FILE.fullmatch(self.text.partition("\n")[0]) if self.language in WRITTEN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, and a sentence for everything in it that the tests could not follow."""

    name: str
    text: str
    blocks: Sequence[Block]
    faults: Sequence[str]
    codes: Sequence[tuple[int, str]]
    """Pieces of code within sentences, with their lines."""
    links: Sequence[str]
    """Where its links and pictures lead."""

    @property
    def has_slow_blocks(self) -> bool:
        """Whether a part of it is left to those who have time."""
        return any(block.slow for block in self.blocks)


def all_pages() -> list[Page]:
    """Return every page whose blocks are run. A new page is one of them by being there."""
    top = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md")]
    paths = [*top, *sorted((PROJECT / "docs").glob("*.md"))]
    found = [
        read_page(path.relative_to(PROJECT).as_posix(), path.read_text("utf-8")) for path in paths if path.is_file()
    ]
    return [page for page in found if Path(page.name).name not in NOT_PROSE and not is_generated(page.text)]


def is_generated(text: str) -> bool:
    """Tell whether a program wrote the page."""
    return GENERATED.search("\n".join(text.splitlines()[:5])) is not None


def read_page(name: str, text: str) -> Page:
    """Return the page with its blocks in order."""
    blocks: list[Block] = []
    faults: list[str] = []
    codes: list[tuple[int, str]] = []
    links: list[str] = []
    comments: list[Token] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        first, _ = token.map or (0, 0)
        if token.type == "code_block":
            faults.append(f"{name}:{first + 1}: an indented block is not run; fence it")
        elif token.type == "fence":
            before = _right_before(first, comments)
            at_top = comments if not blocks else []
            said, wrong = _directives([*at_top, *(one for one in before if one not in at_top)], before)
            block = Block(language=token.info.strip(), text=token.content, line=first + 2, **said)  # type: ignore[arg-type]
            faults += [f"{name}:{first + 1}: {one}" for one in [*wrong, *_wrong_with(block)]]
            blocks.append(block)
            comments = []
        elif token.type == "html_block":
            comments.append(token)
        elif token.type == "inline":
            parts = token.children or []
            codes += [(first + 1, one.content) for one in parts if one.type == "code_inline"]
            links += [str(one.attrGet("href") or one.attrGet("src")) for one in parts if one.type in _LINKS]
    return Page(name=name, text=text, blocks=blocks, faults=faults, codes=codes, links=links)


def _right_before(line: int, comments: Sequence[Token]) -> list[Token]:
    """Return the comments that end where the line begins, or where such a comment begins."""
    found: list[Token] = []
    for one in reversed(comments):
        if one.map and one.map[1] == line:
            found.insert(0, one)
            line = one.map[0]
    return found


def _directives(comments: Sequence[Token], before: Sequence[Token]) -> tuple[dict[str, str | bool], list[str]]:
    """Return what the comments say of a block, and what is not understood in those that stand right before it."""
    said: dict[str, str | bool] = {}
    wrong: list[str] = []
    for token in comments:
        for text in _COMMENT.findall(token.content):
            found = _DIRECTIVE.fullmatch(text)
            word, value = (found["word"], found["value"]) if found else ("", None)
            if token not in before and word != "in":
                continue
            if not found or (value is None) != (word == "slow"):
                wrong.append(f"the comment {text!r} is none of: not run: REASON · in: FOLDER · slow")
            else:
                said[{"in": "folder", "not run": "not_run"}.get(word, word)] = (
                    " ".join(value.split()) if value else True
                )
    return said, wrong


def _wrong_with(block: Block) -> Iterator[str]:
    if block.language not in LANGUAGES:
        yield f"{block.language or 'no language'!r} is none of the languages {', '.join(LANGUAGES)}"
    if block.is_added and block.not_run:
        yield "a block that is not run adds to no file"
    if block.file and ".." in Path(block.file).parts:
        yield f"{block.file} lies outside of the page's folder"


def _commands(block: Block) -> Iterator[Command]:
    """Yield the commands; a line that ends with a backslash goes on in the next, and a comment alone is none."""
    begun: list[str] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        begun.append(line)
        if line.endswith("\\"):
            continue
        text, first = "\n".join(begun), number - len(begun) + 1
        begun = []
        if text.strip() and not text.lstrip().startswith("#"):
            found = _EXIT_CODE.search(text)
            yield Command(text=text, line=first, code=int(found["code"]) if found else 0)
