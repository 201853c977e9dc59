"""The measured process: `python .../leakcheck/worker/__main__.py SOCKET`, or `-m leakcheck.worker`.

The engine starts it by its path, so that an interpreter which has nothing of ours can be measured:
the package is then made importable from where it lies, without adding that folder (and all that
is installed beside it) to the search path of the code that is measured.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - --python may name any
    sys.exit("leakcheck measures Python 3.11 and later; this is Python %d.%d" % sys.version_info[:2])  # noqa: UP031


def _make_package_importable() -> None:
    """Bind the name `leakcheck` to the package this file belongs to, and to nothing else."""
    import importlib.util
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]  # a script's folder is no place for the user's imports to look in
    package = os.path.dirname(here)
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
