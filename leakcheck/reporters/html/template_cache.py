"""A cache of compiled templates, in __pycache__: compiling them took a tenth of a short run."""

import sys
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from leakcheck._version import __version__


class _BytecodeFiles(FileSystemBytecodeCache):
    """A cache whose files may be unreadable or unwritable: templates are then compiled each time."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read the compiled template, if there is one."""
        try:
            super().load_bytecode(bucket)
        except OSError:
            pass

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the compiled template, if that is possible."""
        try:
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
        except OSError:
            pass


def bytecode_cache(folder: Path) -> FileSystemBytecodeCache | None:
    """Return the cache for a folder of templates; None where Python does not write compiled code either.

    File names contain our version and Jinja's, because compiled code depends on its options and runtime.
    """
    if sys.dont_write_bytecode or sys.implementation.cache_tag is None:
        return None
    folder = Path(cache_from_source(str(folder / "templates.py"))).parent
    return _BytecodeFiles(str(folder), f"%s.{__version__}-jinja-{_jinja_version()}.cache")


def _jinja_version() -> str:
    # from the name of its dist-info folder: importlib.metadata would import all of email
    infos = list(Path(jinja2.__file__).parents[1].glob("[Jj]inja2-*.dist-info"))
    if len(infos) == 1:
        return infos[0].stem.partition("-")[2]
    from importlib.metadata import version

    return version("jinja2")
