"""The command line: each verb with its arguments and options, as Typer knows them."""

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

import typer

from leakcheck.cli.main import command_line
from leakcheck_docs.text import code, plain, table

_EXAMPLES = ("[bold]Examples[/bold]", "[bold]Example[/bold]")


def markdown() -> str:
    """Return a section for each verb, in the order of --help."""
    return "\n".join(_sections(typer.main.get_command(command_line()), "leakcheck"))


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
    hints = _hints(command.callback)
    rows = [(_named(one, hints), plain(_help(one))) for one in (*arguments, *options)]
    usage = " ".join([path, *(["[OPTIONS]"] if options else []), *(_in_usage(one, hints) for one in arguments)])
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


def _hints(verb: Any) -> dict[str, Any]:
    """Return the types of a verb's parameters, which Typer's own objects tell differently from version to version."""
    said = {name: one.annotation for name, one in inspect.signature(verb).parameters.items()}
    return {name: get_args(hint)[0] if get_origin(hint) is Annotated else hint for name, hint in said.items()}


def _named(parameter: Any, hints: Mapping[str, Any]) -> str:
    if parameter.param_type_name == "argument":
        return code(_metavar(parameter, hints))
    value = "" if parameter.is_flag else f" {_metavar(parameter, hints)}"
    return ", ".join(code(f"{flag}{value}") for flag in (*parameter.opts, *parameter.secondary_opts))


def _metavar(parameter: Any, hints: Mapping[str, Any]) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    kinds = [one for one in (get_args(hints[parameter.name]) or (hints[parameter.name],)) if one is not type(None)]
    choices = [str(one.value) for kind in kinds if issubclass(kind, Enum) for one in kind]
    return "|".join(choices) if choices else str(kinds[0].__name__).upper()


def _help(parameter: Any) -> str:
    """Return what a parameter's help says, with its default, where the help leaves that to Typer."""
    text, default = str(parameter.help or ""), parameter.default
    if default is None or isinstance(default, bool | list | tuple) or "[default" in text:
        return text
    return f"{text} \\[default: {default}]"


def _in_usage(argument: Any, hints: Mapping[str, Any]) -> str:
    name = _metavar(argument, hints) + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def options_by_name(verb: str) -> dict[str, Any]:
    """Return the options of one verb, by the name of the parameter that they set."""
    command: Any = typer.main.get_command(command_line())
    return {one.name: one for one in command.commands[verb].params if one.param_type_name == "option"}
