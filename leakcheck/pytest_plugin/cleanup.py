"""Undo after each replay what a test leaves with its tools.

A test runs once, so its tools may keep what it does until its end: log records, warnings, what `monkeypatch` has to
undo, mails in Django's outbox, rows in a transaction that is rolled back. In a thousand replays that would grow, and
would look like a leak of the test.
"""

import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from leakcheck.pytest_plugin.cleanup_django import BeforeAfter, Step, mails, same_receivers, transactions

Call = Callable[[], object]


def with_cleanup(call: Call, item: pytest.Item, last_step: Step | None) -> Call:
    """Return a call that leaves nothing with the tools of a test; the same call if there is nothing to do."""
    steps: list[BeforeAfter] = [] if last_step is None else [(None, last_step)]
    steps += [pair for find in _FINDERS for pair in find(item)]
    before = tuple(step for step, _ in steps if step is not None)
    # in reverse order: what was opened last is closed first
    after = tuple(step for _, step in reversed(steps) if step is not None)

    def call_with_cleanup() -> None:
        for step in before:
            step()
        try:
            call()
        finally:
            for step in after:
                step()

    return call_with_cleanup if steps else call


def _log_records(item: pytest.Item) -> Iterator[BeforeAfter]:
    for handler in logging.getLogger().handlers:
        records, clear = getattr(handler, "records", None), getattr(handler, "clear", None)
        if isinstance(records, list) and clear is not None:
            yield None, lambda handler=handler, clear=clear: clear() if handler.records else None  # type: ignore[misc]


def _captured_text(item: pytest.Item) -> Iterator[BeforeAfter]:
    for stream in (sys.stdout, sys.stderr):
        buffer = getattr(stream, "buffer", None)
        if isinstance(buffer, io.BytesIO):  # capsys, or --capture=sys; descriptors are captured into a file
            yield None, _truncate_to_start(buffer)


def _truncate_to_start(buffer: io.BytesIO) -> Step:
    start = buffer.tell()

    def truncate() -> None:
        if buffer.tell() > start:
            buffer.seek(start)
            buffer.truncate()

    return truncate


def _warnings(item: pytest.Item) -> Iterator[BeforeAfter]:
    recorder = _fixture(item, "recwarn")
    if recorder is not None:
        yield _reset_warning_registries, recorder.clear


def _reset_warning_registries() -> None:
    """Let warnings that are shown once for each line be shown again: `catch_warnings` outdates the registries."""
    with warnings.catch_warnings():
        pass


def _patches(item: pytest.Item) -> Iterator[BeforeAfter]:
    for value in (getattr(item, "funcargs", None) or {}).values():
        if isinstance(value, pytest.MonkeyPatch):
            yield None, _undo_patches(value)


def _undo_patches(patch: Any) -> Step:
    attributes, items = len(patch._setattr), len(patch._setitem)
    path, folder = patch._savesyspath, patch._cwd

    def undo() -> None:
        if (len(patch._setattr), len(patch._setitem)) == (attributes, items) and (
            patch._savesyspath is path and patch._cwd is folder
        ):
            return
        # call its own undo with only what this replay has added in its lists
        earlier = patch._setattr[:attributes], patch._setitem[:items]
        patch._setattr, patch._setitem = patch._setattr[attributes:], patch._setitem[items:]
        if path is not None:
            patch._savesyspath = None
        if folder is not None:
            patch._cwd = None
        patch.undo()
        patch._setattr, patch._setitem = earlier
        patch._savesyspath, patch._cwd = path, folder

    return undo


def _mocks(item: pytest.Item) -> Iterator[BeforeAfter]:
    cache = getattr(getattr(_fixture(item, "mocker"), "_mock_cache", None), "cache", None)
    if not isinstance(cache, list):
        return
    before = len(cache)

    def stop() -> None:
        while len(cache) > before:
            patch = cache.pop().patch
            if patch is not None:
                patch.stop()

    yield None, stop


def _properties(item: pytest.Item) -> Iterator[BeforeAfter]:
    properties, before = item.user_properties, len(item.user_properties)
    if "record_property" in getattr(item, "fixturenames", ()):

        def forget() -> None:
            del properties[before:]

        yield None, forget


_FINDERS: tuple[Callable[[pytest.Item], Iterator[BeforeAfter]], ...] = (
    *(_log_records, _captured_text, _warnings, _properties, mails, transactions),
    # last, so that they are undone first: what they have replaced may be needed by the others
    *(_patches, _mocks),
)


def _fixture(item: pytest.Item, name: str) -> Any:
    return (getattr(item, "funcargs", None) or {}).get(name)


@contextmanager
def silenced(item: pytest.Item) -> Iterator[None]:
    """Drop what replays print, log and warn about."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        if _fixture(item, "recwarn") is None:
            # the filters stay as they are, so that a warning turned into an error is still raised
            warnings.showwarning = lambda *_, **__: None
        stack.enter_context(same_receivers())
        stack.enter_context(_no_live_log())
        stack.enter_context(_no_prints(item.config))
        yield


@contextmanager
def _no_prints(config: pytest.Config) -> Iterator[None]:
    capture = config.pluginmanager.get_plugin("capturemanager")
    if config.getoption("capture") in ("no", "tee-sys") and not str(capture and capture.is_capturing()).startswith(
        "fixture"
    ):
        outer = sys.stdout, sys.stderr
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            sys.stdout = sys.stderr = nowhere
            try:
                yield
            finally:
                sys.stdout, sys.stderr = outer
        return
    yield
    if capture is not None:
        capture.read_global_capture()  # drop what the replays have written


@contextmanager
def _no_live_log() -> Iterator[None]:
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if type(handler).__module__ == "_pytest.logging" and not hasattr(handler, "records")
    ]
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)


@contextmanager
def no_timeout(item: pytest.Item) -> Iterator[None]:
    """Stop the timer of pytest-timeout: its limit is meant for one run of the body."""
    plugin = item.config.pluginmanager.get_plugin("timeout")
    settings = getattr(plugin, "_get_item_settings", None)
    if settings is None or not hasattr(item.config.hook, "pytest_timeout_cancel_timer"):
        yield
        return
    item.config.hook.pytest_timeout_cancel_timer(item=item)
    try:
        yield
    finally:
        item_settings = settings(item)
        if item_settings.timeout:
            item.config.hook.pytest_timeout_set_timer(item=item, settings=item_settings)
