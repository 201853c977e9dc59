"""The peak pass as the engine's side has it: one process, and the capture that it leaves."""

from leakcheck.answered import whole
from leakcheck.engine import Worker, WorkerFailed
from leakcheck.model import PeakReading, Trouble
from leakcheck.plan import Pass
from leakcheck.task import Task


def measure_peak(task: Task) -> tuple[PeakReading | None, Trouble | None, str | None]:
    """Return the peak and the capture's name; or the trouble, which costs the growth verdict nothing."""
    capture = task.capture
    try:
        capture.parent.mkdir(exist_ok=True)
    except OSError as error:
        return None, Trouble(kind="disk", message=f"{capture.parent}: cannot be made ({error.strerror})"), None
    capture.unlink(missing_ok=True)
    try:
        with Worker(task.plan(Pass.PEAK, capture), task.surroundings) as worker:
            worker.start()
            # some warm calls, and one that is traced and so takes five times as long
            answer = worker.listen(during="the peak pass", extra_seconds=task.settings.timeout_seconds)
            reading = whole(answer, PeakReading)
            worker.let_end()
    except WorkerFailed as failed:
        return None, failed.trouble, None
    return reading, None, str(capture.relative_to(task.folder))
