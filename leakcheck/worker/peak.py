"""The peak pass: one warmed-up call under memray, every allocation traced."""

from time import perf_counter_ns

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.memray_fallback import load_memray, track_all
from leakcheck.probe.allocations.memray_tracer import holdings_of_records
from leakcheck.probe.allocations.stacks import serialize_stacks
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS

_MOST_SAMPLES = 20
_SAMPLING_NS = 1_500_000_000


def serve_peak(pass_request: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Warm up, time a few calls untraced, trace one, and send its high-water mark and the stacks that made it."""
    try:
        memray = load_memray(pass_request.memray_fallback)
    except ImportError as error:
        channel.send("failure", failure=describe_failure(error, "missing"))
        return
    assert pass_request.capture_path is not None
    calls = 0
    try:
        scenario = load(pass_request)
        channel.send("ready", setup_seconds=0.0)
        calls = 1
        call = scenario.first_call()
        latencies = _time_some(call)
        calls += len(latencies) + 1
        settle()
        with track_all(memray, pass_request.capture_path):
            call()
        with memray.FileReader(pass_request.capture_path) as reader:
            records = list(reader.get_high_watermark_allocation_records(merge_threads=True))
            stacks, _ = serialize_stacks(holdings_of_records(records, mapped=True, held=False))
        peak_bytes = sum(record.size for record in records)
        channel.send("peak", peak_bytes=peak_bytes, latencies_ns=latencies, stacks=stacks)
        scenario.close()
    except BaseException as error:
        channel.send("failure", failure=describe_failure(error, "raised" if calls else "setup", call=calls or None))


def _time_some(call: Call) -> list[int]:
    """Return the durations, in nanoseconds, of at least one call, and of more while they are cheap."""
    latencies: list[int] = []
    spent_ns = 0
    while not latencies or (spent_ns < _SAMPLING_NS and len(latencies) < _MOST_SAMPLES):
        start = perf_counter_ns()
        call()
        latencies.append(perf_counter_ns() - start)
        spent_ns += latencies[-1]
    return latencies
