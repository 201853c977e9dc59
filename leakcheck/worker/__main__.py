"""Start the measured process: `python .../leakcheck/worker/__main__.py SOCKET`, or `-m leakcheck.worker`.

The runner starts it by its path, so that an interpreter without leakcheck installed can be measured. The package is
then made importable from where it lies, without adding that folder, and all that is installed beside it, to the search
path of the measured code.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - --python may name any
    sys.exit("leakcheck measures Python 3.11 and later; this is Python %d.%d" % sys.version_info[:2])  # noqa: UP031


def _make_package_importable() -> None:
    """Import the package that this file belongs to as `leakcheck`."""
    import importlib.util
    import os

    worker = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == worker:
        del sys.path[0]  # the script's folder: the user's imports must not find our modules there
    package = os.path.dirname(worker)
    spec = importlib.util.spec_from_file_location(
        "leakcheck", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["leakcheck"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    if not __package__:
        _make_package_importable()
    from leakcheck.worker.main import serve

    sys.exit(serve(sys.argv[1]))
