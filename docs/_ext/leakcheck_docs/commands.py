"""The command line: each verb with its arguments and options, as Typer knows them."""

from collections.abc import Iterator
from typing import Any

import typer

from leakcheck.cli import app
from leakcheck_docs.text import code, plain, table

_EXAMPLES = ("[bold]Examples[/bold]", "[bold]Example[/bold]")


def markdown() -> str:
    """Return a section for each verb, in the order of --help."""
    return "\n".join(_sections(typer.main.get_command(app), "leakcheck"))


def _sections(command: Any, path: str) -> Iterator[str]:
    verbs = getattr(command, "commands", None)
    if verbs is None:
        yield section(command, path)
        return
    for name, verb in verbs.items():
        if not verb.hidden:
            yield from _sections(verb, f"{path} {name}")


def section(command: Any, path: str) -> str:
    """Return what one verb does, its examples, arguments and options."""
    words, examples = _split(command.help or "")
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    rows = [(_named(one), plain(one.help or "")) for one in (*arguments, *options)]
    usage = " ".join([path, *(["[OPTIONS]"] if options else []), *map(_in_usage, arguments)])
    parts = [f"## {path}", words, f"```text\n{usage}\n```"]
    if examples:
        parts.append("```sh\n" + "\n".join(examples) + "\n```")
    if rows:
        parts.append(table(("argument or option", "what it does"), rows))
    return "\n\n".join(parts) + "\n"


def _split(text: str) -> tuple[str, list[str]]:
    """Return the words of a help text, and the examples below them."""
    for mark in _EXAMPLES:
        words, found, rest = text.partition(mark)
        if found:
            lines = [line.strip().replace("\\[", "[") for line in rest.splitlines()]
            return plain(words.strip()), [line for line in lines if line]
    return plain(text.strip()), []


def _named(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(_metavar(parameter))
    value = "" if parameter.is_flag else f" {_metavar(parameter)}"
    return ", ".join(code(f"{flag}{value}") for flag in (*parameter.opts, *parameter.secondary_opts))


def _metavar(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    choices = getattr(parameter.type, "choices", None)
    return "|".join(choices) if choices else str(parameter.type.name).upper()


def _in_usage(argument: Any) -> str:
    name = _metavar(argument) + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def options_by_name(verb: str) -> dict[str, Any]:
    """Return the options of one verb, by the name of the parameter that they set."""
    command: Any = typer.main.get_command(app)
    return {one.name: one for one in command.commands[verb].params if one.param_type_name == "option"}
