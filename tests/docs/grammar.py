"""Command lines of the documentation, held against the real command's verbs and options; nothing is run."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import typer
import typer.main
import yaml

from leakcheck.cli.main import command_line

_SEPARATORS = frozenset({";", ";;", "|", "||", "&", "&&", "(", ")", "{", "}"})
_OPENERS = frozenset({"then", "do", "else", "if", "while", "until", "!", "time", "exec"})
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_ASSIGNMENT = re.compile(r"\w+=")
_NAMES = re.compile(r"(?:.*/)?leakcheck")


def complaints(script: str, *, whole: bool = True) -> list[str]:
    """Return a sentence for each `leakcheck` command in a shell's line that the real command would refuse.

    Where it is not `whole`, as a piece of code within a sentence, arguments may be missing.
    """
    root = typer.main.get_command(command_line())
    return [said for words in commands_in(script) if (said := _refused(root, words[1:], whole)) is not None]


def commands_in(script: str) -> list[list[str]]:
    """Return the words of each `leakcheck` command in a line for the shell, those in `sh -c '…'` too."""
    found: list[list[str]] = []
    for words in _simple_commands(script):
        while words and (_ASSIGNMENT.match(words[0]) or words[0] in _OPENERS):
            words = words[1:]
        if len(words) > 2 and re.fullmatch(r"(?:.*/)?python[\d.]*", words[0]) and words[1:3] == ["-m", "leakcheck"]:
            words = words[2:]
        if words and _NAMES.fullmatch(words[0]):
            found.append(words)
        else:
            found += [one for word in words if "leakcheck " in word for one in commands_in(word)]
    return found


def _simple_commands(script: str) -> Iterator[list[str]]:
    # what a runner fills in stands for one word
    lexer = shlex.shlex(_EXPRESSION.sub("1", script).replace("\\\n", " "), posix=True, punctuation_chars=";|&()<>\n")
    lexer.whitespace = " \t\r"
    words: list[str] = []
    skip = False
    for word in lexer:
        if skip:
            skip = False
        elif set(word) <= {"<", ">", "&"} and set(word) & {"<", ">"}:
            # the file that it goes to is no argument, nor is the number before it
            skip = True
            if words and words[-1].isdigit():
                words.pop()
        elif word in _SEPARATORS or not word.strip("\n;|&()"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _refused(command: Any, words: Sequence[str], whole: bool, parent: Any = None) -> str | None:
    """Return why the command line's parser would refuse these words, or None. No callback of a verb is run."""
    name = "leakcheck" if parent is None else f"{parent.info_name} {command.name}"
    # a parser that is resilient keeps its errors to itself
    context = command.context_class(command, info_name=name, parent=parent)
    try:
        if hasattr(command, "commands"):
            _, rest, _ = command.make_parser(context).parse_args(list(words))
            if not rest:
                return None
            _, verb, rest = command.resolve_command(context, rest)
            return _refused(verb, rest, whole, context)
        if whole:
            command.parse_args(context, list(words))
        else:
            command.make_parser(context).parse_args(list(words))
    except typer.Exit:
        return None
    except Exception as error:
        # typer brings its own copy of click, or uses the one that is installed: its errors are known by this
        if not hasattr(error, "format_message"):
            raise
        if not whole and type(error).__name__.startswith("Bad"):
            # an option that is only named has no value
            return None
        return f"{shlex.join([*name.split(), *words])}: {error.format_message()}"
    return None


def scripts_in(text: str) -> list[str]:
    """Return the command lines of a YAML file: what stands under `run`, `script` and `before_script`, as shells do."""
    found: list[str] = []

    def look(at: Any, key: str = "") -> None:
        if isinstance(at, dict):
            for name, value in at.items():
                look(value, str(name))
        elif isinstance(at, list):
            for value in at:
                look(value, key)
        elif key in ("run", "script", "before_script", "after_script") and isinstance(at, str):
            found.append(at)

    look(yaml.safe_load(text))
    return found


def targets_of_make(script: str) -> list[str]:
    """Return what a line for the shell asks of make."""
    return [
        word
        for words in _simple_commands(script)
        if words and words[0] == "make"
        for word in words[1:]
        if not word.startswith("-") and not _ASSIGNMENT.match(word)
    ]
