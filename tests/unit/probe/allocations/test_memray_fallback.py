"""memray is imported without what it does not need, and works as if it had been imported as usual."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from leakcheck.probe.allocations.memray_fallback import load_memray

memray = load_memray(None)
assert not {"rich", "rich.progress", "typing_extensions"} & set(sys.modules), "imported, or left behind"
with memray.Tracker(sys.argv[1]):
    kept = [bytes(1000) for _ in range(100)]
import rich.progress
assert isinstance(rich.progress.Progress, type), "the substitute stands in for the module"
with memray.FileReader(sys.argv[1], report_progress=True) as reader:
    assert sum(record.size for record in reader.get_leaked_allocation_records()) > 100_000
"""


def test_rich_is_imported_only_when_code_shows_memrays_progress(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "capture")]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
