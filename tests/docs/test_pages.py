"""README and every page of the guide are followed as a reader follows them: each command, and each snippet."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from leakcheck.config.sources import read_pyproject
from tests.docs.grammar import complaints, scripts_in, targets_of_make
from tests.docs.pages import PROJECT, Block, Page, all_pages
from tests.docs.reader import DoesNotHold, Reader
from tests.live.command import processes_left

PAGES = all_pages()
READ_FIRST = ("README.md", "docs/start.md", "docs/gate.md", "docs/known.md", "CONTRIBUTING.md")
"""Pages that `make test` follows; `make test-all` follows the others too, and slow blocks."""


FILLED_IN = "<!-- filled in:"

REASONS = (
    "needs the network",
    "needs a CI runner",
    "needs a server",
    "needs another machine",
    "needs another program",
    "the tests do not run themselves",
)
"""How the reason of a block that is not run begins. There is no other, but that another test does what it says."""

ELSEWHERE = re.compile(r"(?:applied|run) by (?P<path>tests/[\w/]+\.py)")

MOST_NOT_RUN = 0.25
"""The share of blocks of commands and code that may be left out."""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody who begins in an empty folder, and leaves no process behind."""
    somebody = Reader(home=tmp_path)
    yield somebody
    somebody.close()
    assert processes_left(tmp_path) == []


def follow(reader: Reader, page: Page, *, slow: bool = False) -> None:
    """Follow the page; where it does not hold, that is all there is to say."""
    wrong = ""
    try:
        reader.follow(page, slow=slow)
    except DoesNotHold as found:
        wrong = str(found)
    if wrong:
        pytest.fail(wrong, pytrace=False)


def name_of(page: Page) -> str:
    return page.name


def blocks_of_all() -> list[tuple[Page, Block]]:
    return [(page, block) for page in PAGES for block in page.blocks]


def test_the_pages_are_found() -> None:
    names = {page.name for page in PAGES}
    assert {"README.md", "docs/ci.md"} <= names
    assert "docs/architecture.md" not in names


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in READ_FIRST], ids=name_of)
def test_a_page_holds_from_top_to_bottom(page: Page, reader: Reader) -> None:
    follow(reader, page)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.has_slow_blocks or page.name not in READ_FIRST], ids=name_of
)
def test_a_page_holds_with_its_slow_parts(page: Page, reader: Reader) -> None:
    follow(reader, page, slow=True)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_written_so_that_it_can_be_followed(page: Page) -> None:
    assert page.faults == []


def test_what_is_not_run_says_why_and_is_little() -> None:
    able = [(page, block) for page, block in blocks_of_all() if block.language in ("sh", "python")]
    left_out = [(page, block, block.not_run) for page, block in blocks_of_all() if block.not_run is not None]
    strange = [f"{page.name}:{block.line}: {why}" for page, block, why in left_out if not is_a_reason(why)]
    assert strange == [], f"a reason begins with one of: {', '.join(REASONS)}"
    lost = Counter(page.name for page, block, why in left_out if (page, block) in able and not ELSEWHERE.fullmatch(why))
    assert lost.total() <= MOST_NOT_RUN * len(able), lost


def is_a_reason(text: str) -> bool:
    elsewhere = ELSEWHERE.fullmatch(text)
    return (PROJECT / elsewhere["path"]).is_file() if elsewhere else text.startswith(REASONS)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("needs the network: packages are fetched", True),
        ("too slow", False),
        ("run by tests/docs/test_pages.py", True),
        ("run by tests/docs/test_that_is_not_there.py", False),
        ("run by hand", False),
    ],
)
def test_a_reason_is_one_of_a_few(text: str, is_one: bool) -> None:
    assert is_a_reason(text) is is_one


# --- what is not run can still be read ------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_a_page_is_one_that_leakcheck_takes(page: Page) -> None:
    lines = [(one.line, one.text) for block in page.blocks for one in block.commands]
    for block in page.blocks:
        if block.language == "yaml":
            lines += [(block.line, script) for script in scripts_in(block.text)]
        if block.language == "groovy":
            lines += [(block.line, script) for script in re.findall(r"sh '([^']*)'", block.text)]
    said = [f"{page.name}:{line}: {wrong}" for line, text in lines for wrong in complaints(text)]
    # within a sentence `leakcheck run` may stand without its targets
    said += [
        f"{page.name}:{line}: {wrong}"
        for line, text in page.codes
        if text.startswith("leakcheck ")
        for wrong in complaints(text, whole=False)
    ]
    assert said == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_of_the_plugin_is_one_that_pytest_takes(page: Page, pytestconfig: pytest.Config) -> None:
    known = {f"--{name.replace('_', '-')}" for name in vars(pytestconfig.option) if name.startswith("leakcheck")}
    assert "--leakcheck-isolate" in known
    assert set(re.findall(r"(?<![\w-])--leakcheck(?:-[a-z]+)*", page.text)) <= known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_target_of_make_is_one_of_the_makefile(page: Page) -> None:
    known = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [one.text for block in page.blocks for one in block.commands]
    lines += [text for _, text in page.codes if text.startswith("make ")]
    assert [target for line in lines for target in targets_of_make(line) if target not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_of_a_page_is_one_that_leakcheck_knows(page: Page, tmp_path: Path) -> None:
    for block in page.blocks:
        if block.language == "toml":
            path = tmp_path / "pyproject.toml"
            path.write_text(block.text, "utf-8")
            # raises where it cannot be read, and names a setting that there is not
            read_pyproject(path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_yaml_on_a_page_can_be_read(page: Page) -> None:
    for block in page.blocks:
        if block.language == "yaml":
            assert yaml.safe_load(block.text), f"{page.name}:{block.line}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Page) -> None:
    assert [f"{page.name}: {link}" for link in page.links if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Page, link: str) -> bool:
    """Tell whether there is such a file of the project, and such a heading in it."""
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    there = (PROJECT / page.name).parent / path if path else PROJECT / page.name
    if not there.exists():
        return False
    # the headings of a page that is filled in when the guide is built are held to by its builder
    text = there.read_text("utf-8") if anchor and there.suffix == ".md" else ""
    return not text or FILLED_IN in text or anchor in anchors_of(text)


def anchors_of(text: str) -> set[str]:
    """Return the headings of a page by the names that links give them."""
    headings = re.findall(
        r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain} | set(re.findall(r"<a id=\"([\w-]+)\"", text))
