"""Compiled templates, kept where Python keeps its compiled modules: compiling them took a tenth of a short run."""

import sys
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from leakcheck._version import __version__


class _BytecodeFiles(FileSystemBytecodeCache):
    """Files of code beside Python's; where they can be neither read nor written, templates are compiled as ever."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read what was compiled before, if there is something."""
        try:
            super().load_bytecode(bucket)
        except OSError:
            pass

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write what was compiled, if that is possible."""
        try:
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
        except OSError:
            pass


def compiled_templates(folder: Path) -> FileSystemBytecodeCache | None:
    """Return the cache for the templates of a folder; None where Python keeps no compiled code either.

    Our version and Jinja's are in the names, because options and runtime are part of what is compiled.
    """
    if sys.dont_write_bytecode or sys.implementation.cache_tag is None:
        return None
    place = Path(cache_from_source(str(folder / "templates.py"))).parent
    return _BytecodeFiles(str(place), f"%s.{__version__}-jinja-{_version_of_jinja()}.cache")


def _version_of_jinja() -> str:
    """Return its version, by the name of what pip keeps beside it: importlib.metadata loads all of email for that."""
    infos = list(Path(jinja2.__file__).parents[1].glob("[Jj]inja2-*.dist-info"))
    if len(infos) == 1:
        return infos[0].stem.partition("-")[2]
    from importlib.metadata import version

    return version("jinja2")
