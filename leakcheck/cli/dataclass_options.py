"""Options that belong together, spelt once: a verb takes a dataclass, and the command line its fields."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

Verb = Callable[..., None]


def flat(verb: Verb) -> Verb:
    """Return the verb with each dataclass among its parameters replaced by that class's fields.

    Typer reads a function's signature; so the returned function has the fields in it, and puts the
    dataclasses together again when it is called.
    """
    hints = get_type_hints(verb, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        if name in groups:
            parameters += _fields_of(groups[name])
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))

    @wraps(verb)
    def flattened(**said: Any) -> None:
        put_together = {
            name: group(**{one.name: said.pop(one.name) for one in fields(group)})  # type: ignore[operator]
            for name, group in groups.items()
        }
        verb(**put_together, **said)

    flattened.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flattened.__annotations__ = {one.name: one.annotation for one in parameters}
    return flattened


def _fields_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_parameter(one, hints[one.name]) for one in fields(group)]


def _parameter(field: "Field[Any]", hint: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
