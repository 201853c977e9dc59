"""The peak pass in the measured process: one warmed-up call under memray, every allocation traced."""

from time import perf_counter_ns

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.memray_fallback import borrow_memray
from leakcheck.probe.allocations.memray_tracer import holdings
from leakcheck.probe.allocations.stacks import written
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS

_MOST_SAMPLES = 20
_SAMPLING_NS = 1_500_000_000


def serve_peak(plan: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Warm up, time a few calls untraced, trace one, and answer the high-water mark and the stacks that made it."""
    try:
        memray = borrow_memray(plan.lent_packages)
    except ImportError as error:
        channel.send("trouble", trouble=describe_trouble(error, "missing"))
        return
    assert plan.capture_path is not None
    calls = 0
    try:
        subject = load(plan)
        channel.send("ready", setup_seconds=0.0)
        calls = 1
        call = subject.first_call()
        latencies = _time_some(call)
        calls += len(latencies) + 1
        settle()
        # Python's allocators too: without them only arenas of 1 MiB are seen
        with memray.Tracker(
            plan.capture_path, trace_python_allocators=True, file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS
        ):
            call()
        with memray.FileReader(plan.capture_path) as reader:
            records = list(reader.get_high_watermark_allocation_records(merge_threads=True))
            stacks, _ = written(holdings(records, mapped=True, held=False))
        peak_bytes = sum(record.size for record in records)
        channel.send("peak", peak_bytes=peak_bytes, latencies_ns=latencies, stacks=stacks)
        subject.close()
    except BaseException as error:
        channel.send("trouble", trouble=describe_trouble(error, "raised" if calls else "setup", call=calls or None))


def _time_some(call: Call) -> list[int]:
    """Return the time of at least one call, of more while they are cheap."""
    latencies: list[int] = []
    spent = 0
    while not latencies or (spent < _SAMPLING_NS and len(latencies) < _MOST_SAMPLES):
        began = perf_counter_ns()
        call()
        latencies.append(perf_counter_ns() - began)
        spent += latencies[-1]
    return latencies
