"""Containers of one owner are one holder, and the user's line behind what is kept is named."""

from pathlib import Path

import pytest

from tests.live.holding import hold, name_of, write

OWNER = """
class Index:
    def __init__(self): self.rows, self.names = [], {}
class App:
    def __init__(self): self.index, self.seen = Index(), []
class Registry: rows, names = [], {}
def noting():
    results, order = {}, []
    def note(key, row):
        results[key] = row
        order.append(row)
    return note
NOTE = noting()
APP, DATA = App(), {"rows": [], "names": [], "more": []}
"""


@pytest.mark.parametrize(
    ("body", "grows", "name", "kind", "where"),
    [
        (
            "row = [bytes(300)]\n    APP.index.rows.append(row)\n    APP.index.names[next(NUMBERS)] = row",
            530,
            "held.APP.index",
            "Index",
            "in .names and .rows",
        ),
        (
            "APP.index.rows.append(bytes(200))\n    APP.seen.append(bytes(300))",
            580,
            "held.APP",
            "App",
            "in .index.rows and .seen",
        ),
        (
            "row = [bytes(300)]\n    for rows in DATA.values(): rows.append(row)",
            430,
            "held.DATA",
            "dict",
            "in ['more'], ['names'] and ['rows']",
        ),
        (
            "row = [bytes(300)]\n    Registry.rows.append(row)\n    Registry.names[next(NUMBERS)] = row",
            530,
            "held.Registry",
            "class",
            "in .names and .rows",
        ),
        (
            "row = [bytes(300)]\n    NOTE(next(NUMBERS), row)",
            530,
            "held.noting.<locals>.note",
            "function",
            "in `order` and `results`",
        ),
    ],
    ids=["shared", "apart", "dictionary", "class", "closure"],
)
def test_containers_of_one_owner_are_told_as_that_owner(
    tmp_path: Path, body: str, grows: float, name: str, kind: str, where: str
) -> None:
    held = hold(write(tmp_path, f"{OWNER}\n@scenario\ndef scene():\n    {body}\n"), grows=grows)
    assert len(held.holders) == 1
    assert (name_of(held.first), held.container["kind"]) == (name, kind)
    assert held.container["where"] == where
    assert 0.85 <= held.first["bytes_per_call"] / grows <= 1.1


def test_a_container_that_holds_nearly_all_is_named_and_not_its_owner(tmp_path: Path) -> None:
    body = "APP.index.rows.append(bytes(500))\n    APP.seen.append(None)"
    held = hold(write(tmp_path, f"{OWNER}\n@scenario\ndef scene():\n    {body}\n"), grows=560)
    assert name_of(held.first) == "held.APP.index.rows"


def test_modules_are_no_owners(tmp_path: Path) -> None:
    source = (
        "ROWS, NAMES = [], []\n@scenario\ndef scene():\n    ROWS.append(bytes(200))\n    NAMES.append(bytes(100))\n"
    )
    assert [name_of(one) for one in hold(write(tmp_path, source), grows=390).holders] == ["held.ROWS", "held.NAMES"]


CALLBACKS = """
import asyncio, atexit, codecs, contextvars, functools, gc, logging, os, sys, threading
CURRENT, HOOKS = contextvars.ContextVar("CURRENT", default=()), []
"""


@pytest.mark.parametrize(
    ("body", "name", "source"),
    [
        ("atexit.register(lambda: data)", "atexit.register", "atexit.register(lambda: data)"),
        ("os.register_at_fork(before=lambda: data)", "os.register_at_fork", "os.register_at_fork(before=lambda: data)"),
        (
            "codecs.register(lambda name: data and None)",
            "codecs.register",
            "codecs.register(lambda name: data and None)",
        ),
        (
            "codecs.register_error(f'mine{next(NUMBERS)}', lambda error: data)",
            "codecs.register_error",
            "codecs.register_error(f'mine{next(NUMBERS)}', lambda error: data)",
        ),
        ("gc.callbacks.append(lambda *_: len(data))", "gc.callbacks", "gc.callbacks.append(lambda *_: len(data))"),
        (
            "logging.getLogger('shop').addFilter(lambda _: bool(data))",
            "logging.Logger.manager.loggerDict['shop'].filters",
            "logging.getLogger('shop').addFilter(lambda _: bool(data))",
        ),
        (
            "HOOKS.append(functools.partial(lambda data: None, data))",
            "held.HOOKS",
            "HOOKS.append(functools.partial(lambda data: None, data))",
        ),
        (
            "sys.excepthook = lambda *_, before=sys.excepthook: data and before(*_)",
            "sys.excepthook",
            "sys.excepthook = lambda *_, before=sys.excepthook: data and before(*_)",
        ),
    ],
)
def test_the_line_of_a_function_that_is_kept_is_named(tmp_path: Path, body: str, name: str, source: str) -> None:
    held = hold(
        write(tmp_path, f"{CALLBACKS}\n@scenario\ndef scene():\n    data = bytearray(400)\n    {body}\n"), grows=750
    )
    assert name_of(held.first).startswith(name)
    assert held.first["kept_function"]["source"] == source
    assert 0.7 <= held.first["bytes_per_call"] / 750 <= 1.4


def test_the_callbacks_of_a_future_are_named(tmp_path: Path) -> None:
    source = f"""{CALLBACKS}
FUTURE = asyncio.new_event_loop().create_future()
@scenario
def scene():
    data = bytearray(400)
    FUTURE.add_done_callback(lambda _: data)
"""
    held = hold(write(tmp_path, source), grows=900)
    assert name_of(held.first) == "held.FUTURE._callbacks"
    assert held.first["kept_function"]["source"] == "FUTURE.add_done_callback(lambda _: data)"


def test_a_handle_of_an_event_loop_names_the_function_that_it_calls(tmp_path: Path) -> None:
    source = f"""{CALLBACKS}
def later(data): pass
@scenario
def scene():
    loop = asyncio.new_event_loop()
    yield lambda: loop.call_later(10_000, later, bytearray(400))
    loop.close()
"""
    held = hold(write(tmp_path, source), grows=730)
    assert name_of(held.first).endswith("._scheduled")
    assert held.first["kept_function"]["source"] == "def later(data): pass"


def test_the_line_that_sets_a_context_variable_is_named(tmp_path: Path) -> None:
    line = "CURRENT.set((CURRENT.get(), bytearray(400)))"
    held = hold(write(tmp_path, f"{CALLBACKS}\n@scenario\ndef scene():\n    {line}\n"), grows=520)
    assert name_of(held.first).startswith("held.CURRENT.get()")
    assert held.first["set_at"]["source"] == line


def test_a_chain_whose_head_native_code_holds_is_found_with_its_line(tmp_path: Path) -> None:
    # GIVEN handlers that each keep the one before, and a table of C that has the last
    line = "signal.signal(signal.SIGUSR1, lambda *_: (before, data))"
    source = f"""
import signal
@scenario
def scene():
    before, data = signal.getsignal(signal.SIGUSR1), bytearray(400)
    {line}
"""
    held = hold(write(tmp_path, source), grows=760)
    assert held.first["held_by_native"]
    assert held.first["links"][0] == {"step": "native code", "type": "function"}
    assert held.first["kept_function"]["source"] == line
    assert 0.7 <= held.first["bytes_per_call"] / 760 <= 1.2
