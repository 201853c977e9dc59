"""memray's own flamegraph page of a capture: all that memray knows of a peak, in 4 MB, and offline."""

import io
from pathlib import Path

PAGES = "memray"
"""The folder that they are written to, beside the report."""


def memray_page(capture: Path) -> bytes:
    """Return memray's page of the high-water mark in a capture. Raises StoreError where it is no capture."""
    from memray import FileReader
    from memray.reporters.flamegraph import FlameGraphReporter

    from leakcheck.model.errors import StoreError

    page = io.StringIO()
    try:
        with FileReader(capture) as reader:
            reporter = FlameGraphReporter.from_snapshot(
                reader.get_high_watermark_allocation_records(merge_threads=True),
                memory_records=tuple(reader.get_memory_snapshots()),
                native_traces=reader.metadata.has_native_traces,
            )
            # without `no_web` the page would load its scripts and fonts from elsewhere
            reporter.render(
                page, reader.metadata, show_memory_leaks=False, merge_threads=True, inverted=False, no_web=True
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise StoreError(f"{capture}: is not a capture that memray can read ({error})") from error
    return page.getvalue().encode("utf-8")
