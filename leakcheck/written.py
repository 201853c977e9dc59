"""What a measured process wrote before it ended, as somebody can read it."""

from pathlib import Path

_MOST_CHARACTERS = 4000
_MOST_FRAMES = 8
_OURS = (f'  File "{Path(__file__).resolve().parent / "worker"}', '  File "<frozen importlib')


def shortened(written: str) -> str:
    """Return the end of it, with the newest frames of each of faulthandler's stacks and none of ours.

    faulthandler writes the newest frame first, so whoever looks at the end would see where every
    process begins instead of where this one was.
    """
    kept: list[str] = []
    frames = 0
    for line in written.splitlines():
        frames = frames + 1 if line.startswith("  File ") else 0
        if frames <= _MOST_FRAMES and not line.startswith(_OURS):
            kept.append(line)
    return "\n".join(kept).strip()[-_MOST_CHARACTERS:]
