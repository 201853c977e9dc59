"""Replay a scenario in a plain loop, nothing measured: `bare.py FILE NAME VARIANT CALLS [SETUP]`.

VARIANT is "-" for none; SETUP names a function of the file that is called once, first. Prints one line of
JSON, the CPU seconds of this whole process, import and set-up included. It runs in an interpreter that has
nothing of ours too.
"""

import importlib.util
import inspect
import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# last: whatever the interpreter has itself comes first
sys.path.append(str(Path(__file__).resolve().parent.parent))

from leakcheck.scenario import mark_of


def load(path: Path, name: str) -> Any:
    """Return the scenario's function from its file, which is imported once."""
    known = sys.modules.get(path.stem)
    if getattr(known, "__file__", None) == str(path):
        return getattr(known, name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return getattr(module, name)


def set_up(function: Any, variant: str | None) -> tuple[Callable[[], object], Any]:
    """Set the scenario up; return one call of it, and what has to be kept for that."""
    mark = mark_of(function)
    arguments: dict[str, Any] = dict(mark.growth_options) if mark else {}
    if variant is not None:
        arguments["variant"] = variant
    if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
        return set_up_async(function, arguments)
    if inspect.isgeneratorfunction(function):
        source = function(**arguments)
        return next(source), source
    return (partial(function, **arguments) if arguments else function), None


def set_up_async(function: Any, arguments: dict[str, Any]) -> tuple[Callable[[], object], Any]:
    """Do the same for the asynchronous twins, on an event loop that lives as long as the process."""
    import asyncio  # only now: a third of the start, which most scenarios do without

    loop = asyncio.new_event_loop()
    if inspect.isasyncgenfunction(function):
        source = function(**arguments)
        call = loop.run_until_complete(anext(source))
    else:
        source, call = None, partial(function, **arguments)
    if inspect.iscoroutinefunction(call):
        return (lambda: loop.run_until_complete(call())), source
    return call, source


def main() -> None:
    """Replay and print."""
    path, name, variant, calls, *setup = sys.argv[1:]
    for once in setup:
        load(Path(path).resolve(), once)()
    call, kept = set_up(load(Path(path).resolve(), name), None if variant == "-" else variant)
    for _ in range(int(calls)):
        call()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    if inspect.isgenerator(kept):
        kept.close()
    print(json.dumps({"cpu_seconds": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    main()
