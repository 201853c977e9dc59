"""The run document: a table for each of its types, from its JSON Schema and the docstrings of its fields."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from leakcheck.model.run import Run
from leakcheck.storage import run_file
from leakcheck_docs.text import code, plain, sentences_of, table

_PREFIX = "#/$defs/"
_KINDS = {"integer": "whole number", "null": "null", "number": "number", "string": "text", "boolean": "true or false"}


def markdown() -> str:
    """Return a section for each type, the document itself first."""
    schema = run_file.run_schema()
    kinds = dict(_kinds(Run))
    names = sorted(schema["$defs"], key=lambda name: list(kinds).index(name))
    return "\n".join(_section(name, schema["$defs"][name], kinds[name]) for name in names)


def _kinds(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield each class that a document holds, by name, outermost first."""
    waiting, seen = [kind], set[Any]()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, type) and one not in seen and (is_dataclass(one) or issubclass(one, Enum)):
            seen.add(one)
            yield one.__name__, one
            if is_dataclass(one):
                waiting += get_type_hints(one).values()
        waiting += get_args(one)


def _section(name: str, schema: dict[str, Any], kind: Any) -> str:
    words = plain(inspect.cleandoc(kind.__doc__ or ""))
    said = {name: _in_json(text) for name, text in sentences_of(kind).items()}
    if "enum" in schema:
        by_value = {str(member.value): said.get(member.name, "") for member in kind}
        values = sorted((code(f'"{value}"'), by_value[str(value)]) for value in schema["enum"])
        return f"## {name}\n\n{words}\n\n" + table(("value", "what it says"), values)
    rows = [(code(key), type_of(one), said.get(key, "")) for key, one in schema["properties"].items()]
    return f"## {name}\n\n{words}\n\n" + table(("field", "type", "what it is"), rows)


def _in_json(text: str) -> str:
    """Return what is said of a field, in the words of JSON."""
    for python, json in (("None", "null"), ("True", "true"), ("False", "false")):
        text = re.sub(rf"\b{python}\b", json, text)
    return text


def type_of(schema: dict[str, Any]) -> str:
    """Return a type of the schema in words, with links to the sections of other types."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        words = [type_of(one) for one in sorted(schema["anyOf"], key=lambda one: one.get("type") == "null")]
        return " or ".join(words)
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"list of {', '.join(type_of(one) for one in schema['prefixItems'])}"
        return f"list of {type_of(schema['items'])}"
    if kind == "object":
        return f"object: name to {type_of(schema['additionalProperties'])}"
    if isinstance(kind, list):
        return " or ".join(_KINDS[one] for one in sorted(kind, key=lambda one: one == "null"))
    if kind == "string" and "format" in schema:
        return str(schema["format"])
    return _KINDS[str(kind)]
