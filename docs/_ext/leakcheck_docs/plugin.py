"""pytest's mark, fixture and options, as the plugin declares them."""

from typing import Any

from leakcheck.pytest_plugin.marker import DESCRIPTION
from leakcheck.pytest_plugin.options import INI, add_options
from leakcheck_docs.text import code, plain, table


class _Group:
    """Notes the options that are declared."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []

    def getgroup(self, *_: str) -> "_Group":
        return self

    def addoption(self, flag: str, **said: Any) -> None:
        self.options.append((flag, said))

    def addini(self, *_: object, **__: object) -> None:
        """The table of ini options is at hand."""


def markdown() -> str:
    """Return the tables of command line and ini options, and the mark's own description."""
    noted = _Group()
    add_options(noted)  # type: ignore[arg-type]
    flags = [(code(f"{flag}{_value(said)}"), plain(said["help"])) for flag, said in noted.options]
    ini = [(code(name), kind if kind != "string" else "text", plain(words)) for name, (words, kind) in INI.items()]
    signature, _, words = DESCRIPTION.partition(": ")
    return "\n".join(
        [
            f"## The mark\n\n{code(f'@pytest.mark.{signature}')}: {plain(words)}\n",
            f"## Command line\n\n{table(('option', 'what it does'), flags)}",
            f"## Ini file\n\n{table(('option', 'type', 'what it does'), ini)}",
        ]
    )


def _value(said: dict[str, Any]) -> str:
    if said.get("action") == "store_true":
        return ""
    return f" {said.get('metavar') or '|'.join(said['choices'])}"
