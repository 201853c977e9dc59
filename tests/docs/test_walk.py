"""A reader with nothing but the guide gates a project of their own, in an empty folder, command by command.

The two pages are followed like all others in test_pages.py. Here is held that they need nothing that a reader
has not got, and that they come as far as a gate.
"""

from pathlib import Path

import pytest

from tests.docs.pages import PROJECT, Page, read_page
from tests.docs.reader import Reader

INSTALLING = "needs the network"


def page(name: str) -> Page:
    return read_page(f"docs/{name}", (PROJECT / "docs" / name).read_text("utf-8"))


@pytest.mark.parametrize("name", ["start.md", "gate.md"])
def test_a_reader_needs_nothing_but_the_page(name: str) -> None:
    blocks = page(name).blocks
    assert {block.folder for block in blocks} == {None}, "the page begins in a folder that a reader has not got"
    assert not [block.line for block in blocks if block.not_run and not block.not_run.startswith(INSTALLING)]


def test_a_reader_meets_a_leak_mends_it_and_gates_it() -> None:
    commands = [one for block in page("start.md").blocks if not block.not_run for one in block.commands]
    codes = [one.code for one in commands if one.text.startswith("leakcheck run")]
    assert codes[:2] == [1, 0]
    gates = [one for block in page("gate.md").blocks for one in block.commands if not block.not_run]
    assert any(one.text.startswith("leakcheck baseline update") and not one.code for one in gates)
    assert {one.code for one in gates if one.text.startswith("leakcheck check")} >= {0, 1}


@pytest.mark.slow
def test_both_pages_can_be_walked_in_one_folder(tmp_path: Path) -> None:
    reader = Reader(home=tmp_path)
    for name in ("start.md", "gate.md"):
        reader.follow(page(name), slow=True)
    reader.close()
    assert len(reader.followed) > 10
