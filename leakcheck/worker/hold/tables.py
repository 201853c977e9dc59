"""Tables of the interpreter's own that no Python object refers to, by the function that people fill them with."""

from itertools import islice
from types import FunctionType
from typing import Any

from leakcheck.worker.hold import look
from leakcheck.worker.own import BUILTINS, gc, os

__builtins__ = BUILTINS

_A_CODEC_ERROR_HANDLER = "xmlcharrefreplace"
_FIRST_ENTRIES = 16
_SEARCH_OF_ENCODINGS = "encodings.search_function"


def function_that_fills(container: Any) -> tuple[str, str] | None:
    """Return the module and the name of the function that puts entries into a table; None where it is no such table."""
    if type(container) is dict:
        keys = islice(dict.keys(container), _FIRST_ENTRIES)
        # of no other type: its __eq__ would be asked
        known = any(type(key) is str and key == _A_CODEC_ERROR_HANDLER for key in keys)
        return ("codecs", "register_error") if known else None
    if type(container) is not list:
        return None
    functions = (one for one in islice(container, _FIRST_ENTRIES) if type(one) is FunctionType)
    if any(look.name_of_function(one) == _SEARCH_OF_ENCODINGS for one in functions):
        return "codecs", "register"
    return ("os", "register_at_fork") if _is_at_fork(container) else None


def _is_at_fork(container: list[Any]) -> bool:
    """Tell whether it is one of the three lists of functions to call at a fork: a mark is put in, and taken out."""
    if not hasattr(os, "register_at_fork"):
        return False

    def mark() -> None:
        pass

    os.register_at_fork(before=mark, after_in_parent=mark, after_in_child=mark)
    lists = [one for one in gc.get_referrers(mark) if type(one) is list]
    for one in lists:
        one[:] = [function for function in one if function is not mark]
    return any(one is container for one in lists)
