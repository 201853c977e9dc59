"""The search for holders runs none of the user's code, and nothing that a finalizer does reaches out of it."""

from pathlib import Path

import pytest

from tests.live.holding import hold, write

HOSTILE = """
import collections, sys, types, unittest.mock, weakref
RAN = []
def ran(*arguments, **options):
    RAN.append(sys._getframe(1).f_code.co_name)
    raise RuntimeError("the user's code ran")
class Meta(type):
    __hash__ = __eq__ = __instancecheck__ = __subclasscheck__ = __call__ = ran
    def __getattribute__(cls, name):
        return ran() if ARMED and name.startswith("__") else type.__getattribute__(cls, name)
ARMED = False
NAMES = '''__len__ __eq__ __hash__ __repr__ __str__ __getattribute__ __getattr__ __iter__ __bool__ __sizeof__ __call__
__contains__ __getitem__ __setitem__ __delitem__ __reversed__ __missing__ items keys values pop popitem clear'''.split()
HOSTILE = {**dict.fromkeys(NAMES, ran), "__class__": property(ran), "__dict__": property(ran)}
def make(base):
    return type.__call__(Meta, "Hostile" + base.__name__.title(), (base,), dict(HOSTILE))
Object, List, Dict = make(object), make(list), make(dict)
def new(cls):
    return type.__call__(cls)
ROWS, PAGES = new(List), new(Dict)
class Known: pass
KNOWN = Known()
ODD = [new(Object), unittest.mock.MagicMock(), weakref.proxy(KNOWN)]
sys.modules["odd_object"] = ODD[0]
sys.modules["odd_mock"] = ODD[1]
@scenario
def scene():
    global ARMED
    ARMED = True
    RAN.clear()  # loading a file looks at what lies in it
    def call():
        list.append(ROWS, new(Object))
        dict.__setitem__(PAGES, next(NUMBERS), bytes(300))
    yield call
    assert not RAN, RAN
"""


def test_a_hostile_heap_is_searched_without_running_its_code(tmp_path: Path) -> None:
    # GIVEN objects, containers and classes all of whose methods raise, and modules that are none;
    # WHEN they are searched, THEN the scenario, at its end, has seen none of them called
    held = hold(write(tmp_path, HOSTILE), grows=480)
    assert [one["container"]["name"] for one in held.holders] == ["held.PAGES", "held.ROWS"]
    assert held.container["kind"] == "HostileDict"
    assert 0.5 <= held.first["bytes_per_call"] / 480 <= 1.0


@pytest.mark.parametrize(
    "end", ["time.sleep(1000)", "os._exit(1)", "os.abort()", "os.kill(os.getpid(), 9)", "os.remove(FILE)"]
)
def test_whatever_a_finalizer_does_in_the_copy_that_weighs_the_process_goes_on(tmp_path: Path, end: str) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("kept")
    source = f"""
    import os, time
    FILE = {str(kept)!r}
    ROWS = []
    class Row:
        def __del__(self):
            if ROWS is not None and len(ROWS) > 1:
                {end}
    @scenario
    def scene(): ROWS.append(Row())
    """
    held = hold(write(tmp_path, source), grows=60, seconds=4)
    assert held.container["name"] == "held.ROWS"
    assert kept.read_text() == "kept"
