"""What resident pages gain is told by what it is: pinned free memory, mappings, shared memory, stacks of threads."""

import pytest

from leakcheck.model.explanation import PageKind
from leakcheck.model.result import Meter, Result
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck

KIB = 1024
SCENARIOS = """
import ctypes, itertools, threading
from leakcheck import scenario
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.realloc.restype, libc.realloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
PRIVATE, SHARED = 0x22, 0x21
COUNT = itertools.count()

def map_pages(kind):
    ctypes.memset(libc.mmap(None, 8192, 3, kind, -1, 0), 1, 8192)

@scenario
def fragmented():
    # each hole is too small for the next call, and 32 B that stay on both of its sides keep it from being joined
    size = 8000 + 32 * next(COUNT)
    first, second = libc.malloc(size), libc.malloc(size)
    ctypes.memset(first, 1, size)
    libc.realloc(first, 24)
    libc.realloc(second, 24)

@scenario
def mapped():
    libc.malloc(1000)
    map_pages(PRIVATE)

@scenario
def shared():
    map_pages(SHARED)

@scenario
def threads():
    threading.stack_size(64 * 1024)
    stop = threading.Event()
    yield lambda: threading.Thread(target=stop.wait, daemon=True).start()
    stop.set()
"""


@pytest.fixture
def results(leakcheck: Leakcheck) -> dict[str, Result]:
    leakcheck.write("pages.py", SCENARIOS)
    ran = leakcheck.run("pages.py", "--calls=1600", "--timeout=120")
    return {result.scenario: result for result in ran.document.results}


def parts(result: Result) -> dict[PageKind, float]:
    """Return the parts in bytes per call."""
    assert (result.verdict, result.growth is not None and result.growth.meter) == (Verdict.LEAK, Meter.RSS)
    return {part.kind: part.bytes_per_1000_calls / 1000 for part in result.resident}


def test_what_pages_gain_is_told_by_what_it_is(results: dict[str, Result]) -> None:
    # GIVEN 64 B a call that pin a hole between them, of which the rising part is some tens of kilobytes
    fragmented = parts(results["fragmented"])
    assert fragmented[PageKind.LIVE] == pytest.approx(64, rel=0.05)
    assert fragmented[PageKind.FREE] >= 8000
    assert set(fragmented) == {PageKind.FREE, PageKind.LIVE}
    # THEN what is explained is what pins
    pinning = results["fragmented"].pinned_by_bytes_per_1000_calls
    assert pinning == pytest.approx(64_000, rel=0.05)
    # AND two pages that are mapped beside a kilobyte of the heap, shared, or the stacks of threads that never end
    mapped = parts(results["mapped"])
    assert mapped[PageKind.MAPPED] == pytest.approx(8 * KIB, rel=0.05)
    assert mapped[PageKind.LIVE] == pytest.approx(1008, rel=0.05)
    assert results["mapped"].pinned_by_bytes_per_1000_calls is None
    assert parts(results["shared"]) == {PageKind.FILES: pytest.approx(8 * KIB, rel=0.05)}
    assert parts(results["threads"])[PageKind.STACKS] >= 4 * KIB
