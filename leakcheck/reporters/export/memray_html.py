"""memray's own flamegraph page of a capture, which takes 4 MB and needs no network."""

import io
from pathlib import Path

PAGES_FOLDER = "memray"
"""The folder of the pages, next to the report."""


def memray_page(capture: Path) -> bytes:
    """Return memray's page of the high-water mark. Raise StoreError where the file is not a capture."""
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
            # without `no_web` the page would load scripts and fonts from the network
            reporter.render(
                page, reader.metadata, show_memory_leaks=False, merge_threads=True, inverted=False, no_web=True
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise StoreError(f"{capture}: is not a capture that memray can read ({error})") from error
    return page.getvalue().encode("utf-8")
