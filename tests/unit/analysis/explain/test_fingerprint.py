"""Paths held by native code: which extension is named, and how their fingerprints differ."""

from dataclasses import replace

import pytest

from leakcheck.analysis.explain.fingerprint import native_fingerprint, with_native_origin
from leakcheck.analysis.explain.retention import Candidate, paths_of
from leakcheck.model.explanation import Link, RetentionPath, StackBytes
from leakcheck.model.stacks import Frame, FrameKind, native_frame
from leakcheck.reporters.messages.causes import native_text, path_text

LIST = (Link(step="native code", type="list"),)
METHOD = (
    Link(step="native code", type="method"),
    Link(step=".__self__", type="Parser"),
    Link(step="['call 17']", type="dict"),
)


def extension(function: str = "decode", file: str = "_core.cpython-311-x86_64-linux-gnu.so") -> Frame:
    return Frame(function=function, file=file, line=0, kind=FrameKind.NATIVE)


def line(source: str = "decoder.decode(data)", number: int = 11, file: str = "/home/me/shop/views.py") -> Frame:
    return Frame(function="call", file=file, line=number, kind=FrameKind.OWN, source=source)


def native_path(*links: Link, per_1000_calls: float | None = 900_000.0) -> RetentionPath:
    return RetentionPath(links=links, bytes_per_1000_calls=per_1000_calls, share=0.9, held_by_native=True)


def stack(*frames: Frame, size: float = 1_000_000.0) -> StackBytes:
    return StackBytes(frames=frames, bytes=size, blocks=1000)


STACK = (extension(), line())


@pytest.mark.parametrize(
    ("links", "frames"),
    [
        ((Link(step="native code", type="dict"),), STACK),
        (METHOD, STACK),
        (LIST, (extension(file="_binding.cpython-311-x86_64-linux-gnu.so"), line())),
        (LIST, (extension("encode"), line())),
        (LIST, (extension(), line("cursor.captures(root)"))),
        (LIST, (extension(), line(file="/home/me/shop/urls.py"))),
        (LIST, (line(),)),
        (LIST, ()),
    ],
)
def test_a_different_type_chain_extension_function_or_line_has_a_different_fingerprint(
    links: tuple[Link, ...], frames: tuple[Frame, ...]
) -> None:
    assert native_fingerprint(links, frames) != native_fingerprint(LIST, STACK)


@pytest.mark.parametrize(
    "frames",
    [
        (extension(), line(number=99)),
        (extension(), line(file="/ci/build/shop/views.py")),
        (extension(file="_core.cpython-311-aarch64-linux-gnu.so"), line()),
        (extension(file="_core.abi3.so"), line()),
        (extension("decode.isra.0"), line()),
        (extension("decode.part.3.cold"), line()),
        (extension("xmalloc"), extension(), line()),
    ],
)
def test_a_fingerprint_stays_on_another_machine_and_when_lines_move(frames: tuple[Frame, ...]) -> None:
    assert native_fingerprint(LIST, frames) == native_fingerprint(LIST, STACK)


def test_a_key_of_one_call_is_not_in_the_fingerprint() -> None:
    other = (*METHOD[:2], Link(step="['call 18']", type="dict"))
    assert native_fingerprint(other, STACK) == native_fingerprint(METHOD, STACK)


def test_two_leaks_without_a_traced_origin_still_differ_by_what_is_held() -> None:
    candidates = [
        Candidate(links=(Link(step="native code", type=kind),), anchor=1, bytes_per_call=10.0, held_by_native=True)
        for kind in ("list", "dict")
    ]
    first, second = paths_of(candidates, 10_000)
    assert first.fingerprint != second.fingerprint


def test_the_allocating_extension_is_named_and_paths_in_python_stay_unchanged() -> None:
    python = replace(native_path(Link(step="m", type="module")), held_by_native=False, fingerprint="a" * 12)
    native, other = with_native_origin([native_path(*LIST), python], [stack(*STACK), stack(line("other()"), size=10.0)])
    assert native.native == extension()
    assert native.fingerprint == native_fingerprint(LIST, STACK)
    assert other == python


def test_of_two_extensions_the_one_that_allocated_about_as_much_as_is_held_is_named() -> None:
    # GIVEN a list of one extension, and dicts of another, which take twice as much
    binding = extension("captures", "_binding.abi3.so")
    stacks = [stack(*STACK, size=900_000), stack(binding, line("cursor.captures(root)"), size=2_000_000)]
    light, heavy = native_path(*LIST), native_path(Link(step="native code", type="dict"), per_1000_calls=1_900_000.0)
    # WHEN either is named
    paths = with_native_origin([heavy, light], stacks)
    # THEN each has its own, and neither's fingerprint depends on the other
    assert [path.native for path in paths] == [binding, extension()]
    assert with_native_origin([light], stacks[:1])[0].fingerprint == paths[1].fingerprint


@pytest.mark.parametrize(("light_bytes", "is_named"), [(80_000, False), (120_000, True)])
def test_an_extension_that_allocates_less_than_a_tenth_of_the_heaviest_is_not_named(
    light_bytes: int, is_named: bool
) -> None:
    # GIVEN a path that holds as much as the lighter of two extensions
    light = extension("captures", "_binding.abi3.so")
    stacks = [stack(*STACK, size=1_000_000), stack(light, line(), size=light_bytes)]
    [path] = with_native_origin([native_path(*LIST, per_1000_calls=light_bytes)], stacks)
    assert path.native == (light if is_named else extension())


def test_an_extension_of_the_standard_library_is_named_if_there_is_no_other() -> None:
    loop = extension("task_step", "_asyncio.cpython-311-x86_64-linux-gnu.so")
    stacks = [stack(loop, line(), size=3_000_000), stack(*STACK, size=500_000)]
    assert with_native_origin([native_path(*LIST)], stacks)[0].native == extension()
    assert with_native_origin([native_path(*LIST)], stacks[:1])[0].native == loop


def test_without_native_frames_the_fingerprint_contains_only_the_line() -> None:
    [path] = with_native_origin([native_path(*LIST)], [stack(line())])
    assert path.native is None
    assert path.fingerprint == native_fingerprint(LIST, (line(),))


def test_without_stacks_nothing_is_named() -> None:
    path = native_path(*LIST)
    assert with_native_origin([path], []) == (path,)


def test_a_function_is_named_past_an_extensions_wrappers_of_malloc() -> None:
    assert native_frame((extension("hi_calloc"), extension("Reader_new"), line())) == extension("Reader_new")
    assert native_frame((extension("hi_calloc"), line())) == extension("hi_calloc")
    assert native_frame((extension("calloc"), extension("run", "other.so"), line())) == extension("calloc")
    assert native_frame((line(), extension())) is None
    assert native_frame(()) is None


def test_missing_symbols_are_mentioned() -> None:
    assert native_text(extension("", "cv2.abi3.so")) == "cv2.abi3.so (no symbols)"
    assert native_text(extension("subtract", "cv2.abi3.so")) == "cv2.abi3.so subtract"
    assert extension("", "cv2.abi3.so").display_name == "(no symbols)"
    assert extension("a thread outside Python", "").display_name == "a thread outside Python"
    assert line().display_name == "call"


def test_a_chain_starts_with_the_type_that_native_code_refers_to() -> None:
    assert path_text(native_path(*LIST)) == "native code: list"
    assert path_text(native_path(*METHOD[:2])) == "native code: method of Parser"
    assert path_text(native_path(*METHOD)) == "native code: method of Parser['call 17']"
    traceback = (Link(step="native code", type="traceback"), Link(step=".tb_frame", type="frame"))
    assert path_text(native_path(*traceback)) == "native code: traceback.tb_frame"
