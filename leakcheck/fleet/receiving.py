"""What comes back from a cluster, made into results of this run."""

import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath

from leakcheck import store
from leakcheck.captures import FOLDER, free_name
from leakcheck.elsewhere import Elsewhere
from leakcheck.errors import StoreError
from leakcheck.fleet.errands import Done, Measurement
from leakcheck.fleet.office import MOST_CAPTURE_BYTES
from leakcheck.follow import GrowthPass
from leakcheck.measure import judged
from leakcheck.model import Result, Trouble


def result_of(done: Done, elsewhere: Elsewhere, folder: Path) -> Result:
    """Return a result as if it had been measured here, with its capture in the run's folder, and where it was."""
    result = replace(done.result, elsewhere=elsewhere)
    if result.capture is None or done.capture is None:
        return replace(result, capture=None)
    try:
        return replace(result, capture=keep_capture(folder, result.capture, done.capture))
    except (StoreError, zlib.error) as error:
        note = f"its capture could not be kept: {error}"
        return replace(result, capture=None, explain_notes=(*result.explain_notes, note))


def keep_capture(folder: Path, name: str, compressed: bytes) -> str:
    """Write a capture into a run's folder, and return its name there.

    Of the name that it came with only the end counts, so that it leads nowhere else. Raises StoreError where there is
    no room for it, and zlib.error for what is not compressed.
    """
    end = PurePosixPath(name.replace("\0", "")).name
    target = free_name(folder / FOLDER / (end if end not in ("", "..") else "capture.bin"))
    store.make_folder(target.parent)
    store.write_atomically(target, zlib.decompressobj().decompress(compressed, MOST_CAPTURE_BYTES))
    return str(target.relative_to(folder))


def not_measured(measurement: Measurement, trouble: Trouble, elsewhere: Elsewhere | None = None) -> Result:
    """Return the result of what nobody measured."""
    task = measurement.here()
    return replace(judged(task, GrowthPass(trouble=trouble), None, None), elsewhere=elsewhere)
