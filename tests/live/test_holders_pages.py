"""Holders of memory that no meter of the heap sees are weighed in resident pages, and none is invented."""

from pathlib import Path

import pytest

from tests.live.holding import hold, name_of, write

SIZE = 16_384
HEAD = f"""
import ctypes, mmap
KEPT, BY_NUMBER, LIGHT, FREE = [], {{}}, [], []
class Chain: last = None
def mapped():
    found = mmap.mmap(-1, {SIZE})
    found[:] = bytes([1]) * {SIZE}
    return found
class Pooled:
    # as an allocator of its own does: what becomes free is used again, and no page is given back
    def __init__(self): self.map = FREE.pop() if FREE else mapped()
    def __del__(self): FREE.append(self.map)
mmap_ = ctypes.CDLL(None).mmap
mmap_.restype, mmap_.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
def lost():
    ctypes.memset(mmap_(None, {SIZE}, 3, 0x22, -1, 0), 1, {SIZE})
"""


@pytest.mark.parametrize(
    ("body", "shares"),
    [
        ("KEPT.append(mapped())", {"held.KEPT": 1.0}),
        ("KEPT.append(Pooled())", {"held.KEPT": 1.0}),
        ("BY_NUMBER[next(NUMBERS)] = Pooled()", {"held.BY_NUMBER": 1.0}),
        ("Chain.last = [Chain.last, Pooled()]", {"held.Chain.last": 1.0}),
        ("KEPT.append(Pooled())\n    lost()", {"held.KEPT": 0.5}),
        ("KEPT.append(Pooled())\n    BY_NUMBER[next(NUMBERS)] = mapped()", {"held.KEPT": 0.5, "held.BY_NUMBER": 0.5}),
        ("kept = Pooled()\n    KEPT.append(kept)\n    BY_NUMBER[next(NUMBERS)] = kept", {"held.BY_NUMBER": 1.0}),
    ],
)
def test_what_lies_past_the_heap_is_weighed_in_pages(tmp_path: Path, body: str, shares: dict[str, float]) -> None:
    grows = SIZE * (2 if len(shares) > 1 or "lost" in body else 1)
    held = hold(write(tmp_path, f"{HEAD}\n@scenario\ndef scene():\n    {body}\n"), grows=grows, mapped=True)
    found = {name_of(one): one["bytes_per_call"] / grows for one in held.holders}
    assert found == {name: pytest.approx(share, abs=0.15) for name, share in shares.items()}
    assert not held.searched["nothing_in_python"]


@pytest.mark.parametrize("body", ["lost()", "lost()\n    LIGHT.append(bytes(100))"])
def test_where_nothing_in_python_holds_it_that_is_known(tmp_path: Path, body: str) -> None:
    held = hold(write(tmp_path, f"{HEAD}\n@scenario\ndef scene():\n    {body}\n"), grows=SIZE, mapped=True)
    assert held.searched["nothing_in_python"]


@pytest.mark.parametrize(
    ("body", "is_nothing"),
    [
        ("MALLOC(300)", True),
        ("KEPT.append(bytes(1000))", False),
        ("KEPT.append(None)", False),
        ("MALLOC(300), KEPT.append(bytes(300))", False),
        ("global TEXT; TEXT = TEXT + bytearray(300)", False),
    ],
)
def test_native_growth_of_the_heap_without_a_holder_is_known(tmp_path: Path, body: str, is_nothing: bool) -> None:
    source = f"{HEAD}\nMALLOC, TEXT = ctypes.CDLL(None).malloc, bytearray()\n@scenario\ndef scene():\n    {body}\n"
    grows = {"KEPT.append(None)": 8}.get(body, 310)
    assert hold(write(tmp_path, source), grows=grows).searched["nothing_in_python"] is is_nothing


def test_code_that_misses_what_was_taken_out_costs_the_weight_and_not_the_holder(tmp_path: Path) -> None:
    source = f"""{HEAD}
@scenario
def scene():
    KEPT.append(mapped())
    assert len(KEPT) == next(NUMBERS) + 1
"""
    held = hold(write(tmp_path, source), grows=SIZE, mapped=True)
    assert held.container["name"] == "held.KEPT"
    assert not held.searched["nothing_in_python"]
