"""The reference is what the code says: nothing of it is left out, and where two places say a thing they agree."""

import re
from dataclasses import fields
from pathlib import Path

import leakcheck_docs
import pytest
import typer
from leakcheck_docs import api, codes, commands, contents, documents, links, plugin, settings
from leakcheck_docs.text import plain, sentences_of, table

import leakcheck
from leakcheck.cli.main import command_line
from leakcheck.config.settings import DEFAULTS
from leakcheck.config.sources import DjangoSettings, Override, PyprojectFile, SettingsLayer
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import KnownEntry
from leakcheck.pytest_plugin.options import INI
from leakcheck.storage import run_file

DOCS = Path(__file__).parents[2] / "docs"


def test_every_verb_has_a_section() -> None:
    text = commands.markdown()
    verbs = [f"leakcheck {command.name}" for command in command_line().registered_commands]
    assert len(verbs) > 10
    assert [verb for verb in [*verbs, "leakcheck baseline update"] if f"## {verb}\n" not in text] == []


def test_every_option_of_a_verb_is_in_its_section() -> None:
    text = commands.markdown()
    (section,) = (part for part in text.split("\n## ") if part.startswith("leakcheck compare\n"))
    assert {"--variants", "--rounds", "--python-before", "--fail-on-worse"} <= set(re.findall(r"--[a-z-]+", section))
    assert "default: 3" in section


def test_the_choices_of_an_option_are_named() -> None:
    assert "`--stacks peak\\|growth`" in commands.markdown()


def test_every_key_of_the_file_is_in_the_tables() -> None:
    text = settings.markdown()
    keys = [one.name for kind in (SettingsLayer, Override, KnownEntry, DjangoSettings) for one in fields(kind)]
    assert [key for key in keys if f"`{key}`" not in text] == []
    tables = {one.name for one in fields(PyprojectFile)} - {one.name for one in fields(SettingsLayer)}
    assert [name for name in tables if f"tool.leakcheck.{name}]" not in text] == []


def test_every_setting_names_its_variable_and_its_flag() -> None:
    for key, _, others, words in settings.settings():
        assert "`LEAKCHECK_" in others, key
        assert "`--" in others, key
        assert words, key


def test_a_default_in_the_help_is_the_default() -> None:
    """The help spells it for people, and the code has it: both must be the same."""
    for name, option in commands.options_by_name("check").items():
        said = re.search(r"\[default: ([^\]]+)\]", str(option.help))
        default = getattr(DEFAULTS, name, None)
        if said is not None and default is not None:
            assert said[1] == (f"{default:g}" if isinstance(default, int | float) else str(default)), name


def test_every_type_of_the_run_document_has_a_section() -> None:
    text = documents.markdown()
    assert text.startswith("## Run\n")
    assert [name for name in run_file.run_schema()["$defs"] if f"## {name}\n" not in text] == []


def test_a_field_has_its_type_and_its_docstring() -> None:
    assert "| `peak_sites` | list of [PeakSite](#peaksite) | The lines that held the most" in documents.markdown()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "whole number"),
        ({"type": "array", "items": {"$ref": "#/$defs/Site"}}, "list of [Site](#site)"),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "number or null"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object: name to text"),
    ],
)
def test_a_type_of_the_schema_is_told_in_words(schema: dict[str, object], words: str) -> None:
    assert documents.type_of(schema) == words


def test_every_option_of_the_plugin_is_in_its_tables() -> None:
    text = plugin.markdown()
    assert [name for name in INI if f"`{name}`" not in text] == []
    assert "`--leakcheck-json FILE`" in text


def test_every_public_name_of_the_package_is_in_the_reference_and_no_other() -> None:
    text = api.markdown()
    assert re.findall(r"auto\w+:: leakcheck\.(\w+)", text) == sorted(
        (name for name in leakcheck.__all__ if name != "__version__"), key=lambda name: (name[0].isupper(), name)
    )
    assert ":special-members: __le__, __lt__, __ge__, __gt__, __float__" in text


def test_the_table_that_readers_on_github_see_is_the_generated_one() -> None:
    assert codes.markdown() in (DOCS / "gate.md").read_text("utf-8")
    assert all(code.meaning in codes.markdown() for code in ExitCode)


def test_help_tells_the_exit_codes() -> None:
    said = typer.main.get_command(command_line()).epilog
    assert said is not None
    assert all(f"{code:d} {code.meaning}" in said for code in ExitCode)


# --- pieces ---------------------------------------------------------------------------------------


def test_a_comment_that_asks_for_nothing_there_is_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        leakcheck_docs.filled_in("<!-- filled in: nonsense -->", tmp_path)


def test_a_file_of_the_top_is_shown_without_its_title_and_with_links_that_lead_on(tmp_path: Path) -> None:
    (tmp_path / "SECURITY.md").write_text(
        "# Security\n\n[Here](docs/ci.md#github), [there](setup.py), [us](README.md)\n"
    )
    text = leakcheck_docs.filled_in("<!-- filled in: file SECURITY.md -->", tmp_path)
    assert text.strip() == "[Here](ci.md#github), there, [us](index.md)"


def test_links_that_leave_the_guide_become_pages_or_text() -> None:
    assert links.from_docs("[a](../CHANGELOG.md) [b](../leakcheck/model/result.py) [c](ci.md) ![d](../x.svg)") == (
        "[a](changelog.md) b [c](ci.md) ![d](../x.svg)"
    )


def test_the_side_bar_is_the_first_pages_lists() -> None:
    text = "# T\n\n## One\n\n- [A](a.md): words\n- [B](b/c.md)\n\n## Two\n\nWords.\n"
    made = contents.with_toctrees(text)
    assert "```{toctree}\n:hidden:\n:caption: One\n\na\nb/c\n```" in made
    assert ":caption: Two" not in made


def test_every_page_is_in_the_side_bar() -> None:
    listed = set(re.findall(r"^- \[[^\]]*\]\(([\w/-]+)\.md\)", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE))
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert pages - listed == {"index"}


def test_help_texts_lose_their_markup_and_keep_their_words() -> None:
    assert plain("[bold]Say[/bold] \\[default: `a*b`] *x*") == "Say \\[default: `a*b`\\] \\*x\\*"


def test_what_stands_below_a_field_belongs_to_it() -> None:
    said = sentences_of(KnownEntry)
    assert said["reason"] == "Why it is accepted."
    assert said["expires"].startswith("The last day")


def test_a_bar_in_a_cell_is_no_new_cell() -> None:
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"
