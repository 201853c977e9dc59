"""The harness of the documentation's tests: what it reads of a page, what it runs, and what it does not let pass."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PROJECT, read_page
from tests.docs.reader import DoesNotHold, Reader


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    somebody = Reader(home=tmp_path)
    yield somebody
    somebody.close()


def fenced(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


def follow(reader: Reader, *parts: str, slow: bool = False) -> None:
    reader.follow(read_page("page.md", "\n".join(["# A page", "", *parts])), slow=slow)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    leakcheck run x\n", "an indented block"),
        (fenced("", "leakcheck run x"), "'no language' is none of the languages"),
        (fenced("bash", "leakcheck run x"), "'bash' is none of the languages"),
        (fenced("console", "$ leakcheck run x"), "'console' is none of the languages"),
        ("<!-- not run -->\n" + fenced("sh", "x"), "the comment 'not run' is none of"),
        ("<!-- notrun: never -->\n" + fenced("sh", "x"), "the comment 'notrun: never' is none of"),
        ("<!-- slow: very -->\n" + fenced("sh", "x"), "the comment 'slow: very' is none of"),
        (fenced("python", "# ../x.py"), "lies outside"),
    ],
)
def test_what_could_not_be_followed_is_a_fault(text: str, said: str) -> None:
    [fault] = read_page("page.md", f"# A page\n\n{text}").faults
    assert fault.startswith(("page.md:3: ", "page.md:4: "))
    assert said in fault


def test_a_comment_that_is_no_directive_is_allowed_where_no_block_follows() -> None:
    page = read_page("page.md", "<!-- only a remark -->\n\nwords\n\n" + fenced("sh", "true"))
    assert page.faults == []


def test_comments_before_a_block_say_how_it_is_run() -> None:
    text = "<!-- in: shop -->\n\nWords.\n\n<!-- slow -->\n<!-- not run: needs\n a server -->\n" + fenced("sh", "true")
    [block] = read_page("page.md", text).blocks
    assert (block.folder, block.slow, block.not_run) == ("shop", True, "needs a server")


def test_only_a_pages_top_says_where_it_is_from_afar() -> None:
    [first, second] = read_page(
        "page.md", f"{fenced('sh', 'a')}\n<!-- in: shop -->\n\nWords.\n\n{fenced('sh', 'b')}"
    ).blocks
    assert (first.folder, second.folder) == (None, None)


@pytest.mark.parametrize(
    ("language", "heading", "file", "is_added"),
    [
        ("python", "# scenarios.py", "scenarios.py", False),
        ("python", "# a comment", None, False),
        ("python", "# see scenarios.py", None, False),
        ("toml", "# pyproject.toml, added", "pyproject.toml", True),
        ("yaml", "# .github/workflows/leakcheck.yml", ".github/workflows/leakcheck.yml", False),
        ("sh", "# scenarios.py", None, False),
    ],
)
def test_a_first_line_that_names_a_file_says_where_a_block_goes(
    language: str, heading: str, file: str | None, is_added: bool
) -> None:
    [block] = read_page("page.md", fenced(language, heading, "more")).blocks
    assert (block.file, block.is_added) == (file, is_added)


def test_a_block_of_commands_has_a_command_a_line() -> None:
    text = fenced("sh", "# words", "one", "", "two \\", "  more  # exit code 3", "three  # words")
    [block] = read_page("page.md", text).blocks
    assert [(one.text, one.line, one.code) for one in block.commands] == [
        ("one", 3, 0),
        ("two \\\n  more  # exit code 3", 5, 3),
        ("three  # words", 7, 0),
    ]


# --- following ------------------------------------------------------------------------------------


def test_blocks_are_followed_in_order_in_one_folder(reader: Reader) -> None:
    follow(
        reader,
        fenced("python", "# one.py", "FIRST = 1"),
        fenced("sh", "grep FIRST one.py", "test -d .git"),
        fenced("python", "# one.py", "SECOND = 2"),
        fenced("toml", "# pyproject.toml", "a = 1"),
        fenced("toml", "# pyproject.toml, added", "b = 2"),
        fenced("sh", "grep FIRST one.py  # exit code 1", "grep -c = pyproject.toml"),
    )
    assert (reader.folder / "pyproject.toml").read_text() == "# pyproject.toml\na = 1\n# pyproject.toml, added\nb = 2\n"


def test_python_is_executed_in_one_namespace_where_the_page_is(reader: Reader) -> None:
    follow(
        reader,
        fenced("python", "# one.py", "NUMBER = 5"),
        fenced("python", "number = 2"),
        fenced("python", "import one", "open('sum.txt', 'w').write(str(number + one.NUMBER))"),
        fenced("sh", "test $(cat sum.txt) = 7"),
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            fenced("sh", "true", "echo oh; exit 4", "touch later"),
            ["page.md:5: echo oh; exit 4", "exit code 4, and", "oh\n"],
        ),
        (fenced("sh", "true  # exit code 1"), ["page.md:4: true", "exit code 0, and the page says 1"]),
        (fenced("sh", "false | cat"), ["exit code 1, and"]),
        (
            fenced("python", "x = 1", "raise ValueError('oh')"),
            ["page.md:4:", 'File "page.md", line 5', "ValueError: oh"],
        ),
        (fenced("python", "import os", "os._exit(0)"), ["the process ended"]),
    ],
)
def test_the_first_block_that_does_not_hold_ends_it_and_is_named(reader: Reader, block: str, said: list[str]) -> None:
    with pytest.raises(DoesNotHold) as raised:
        follow(reader, block, fenced("sh", "touch later"))
    assert [words for words in said if words not in str(raised.value)] == []
    assert not (reader.folder / "later").exists()


def test_what_is_not_run_or_slow_is_left_out(reader: Reader) -> None:
    parts = (
        f"<!-- not run: needs a server -->\n{fenced('sh', 'false')}",
        f"<!-- slow -->\n{fenced('sh', 'touch slow')}",
    )
    follow(reader, *parts)
    assert reader.followed == []
    follow(reader, *parts, slow=True)
    assert reader.followed == ["touch slow"]


def test_a_page_can_go_to_copies_and_back(reader: Reader) -> None:
    follow(
        reader,
        f"<!-- in: shop -->\n{fenced('sh', 'git status --porcelain | grep .  # exit code 1', 'touch shop/new.py')}",
        f"<!-- in: checkout -->\n{fenced('sh', 'test -f tests/docs/reader.py', 'git log --oneline')}",
        f"<!-- in: history -->\n{fenced('sh', 'git rev-parse v1.4.0')}",
        f"<!-- in: empty -->\n{fenced('sh', 'ls | grep .  # exit code 1')}",
        f"<!-- in: shop -->\n{fenced('sh', 'test -f shop/new.py')}",
    )
    assert not (PROJECT / "tests" / "docs" / "shop" / "shop" / "new.py").exists()


def test_nothing_of_who_runs_the_tests_is_seen(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAKCHECK_OUTPUT", "DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS", "GITHUB_ACTIONS", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "1")
    follow(
        reader,
        fenced(
            "sh",
            "! env | grep -E '^(LEAKCHECK_OUTPUT|DJANGO|PYTEST|GITHUB|VIRTUAL_ENV)'",
            f"test $HOME = {reader.home / 'home'}",
            "git config user.email",
        ),
    )


def test_leakcheck_is_found_though_no_environment_is_activated(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    follow(reader, fenced("sh", "leakcheck --version", "python -m pytest --version", "pytest --version"))


def test_no_page_reaches_the_network(reader: Reader) -> None:
    with pytest.raises(DoesNotHold):
        follow(reader, fenced("sh", "python -m pip download --no-deps --quiet leakcheck-is-not-there"))
    fetch = "import urllib.request as r; r.urlopen('http://example.org', timeout=5)"
    done = subprocess.run(
        ["python3", "-c", fetch], env=reader.environment(), capture_output=True, text=True, check=False
    )
    assert "Connection refused" in done.stderr
