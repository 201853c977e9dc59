"""A hand-built explanation of the newsletter's leak."""

from leakcheck.model.explanation import AllocationSite, GrowingContainer, Link, RetentionPath
from leakcheck.model.stacks import Frame, FrameKind
from tests.unit.runs import MIB

SENT = GrowingContainer(
    name="scenarios.newsletter.views.SENT",
    kind="list",
    length=1600,
    length_per_call=1.0,
    bytes_per_1000_calls=143 * MIB,
    share=0.99,
    fingerprint="a1b2c3d4e5f6",
)

SENT_PATH = RetentionPath(
    links=(
        Link(step="scenarios.newsletter.views", type="module"),
        Link(step=".SENT", type="list"),
        Link(step="[*]", type="QuerySet"),
    ),
    bytes_per_1000_calls=143 * MIB,
    share=0.99,
    objects_per_call=1.0,
    fingerprint="a1b2c3d4e5f6",
)

SITE = AllocationSite(
    bytes_per_1000_calls=141 * MIB,
    low=140 * MIB,
    high=142 * MIB,
    blocks_per_1000_calls=2_000_000,
    share=0.98,
    frames=(
        Frame(
            function="from_db",
            file="django/db/models/base.py",
            line=580,
            kind=FrameKind.LIBRARY,
            source="new = cls(*values)",
        ),
        Frame(
            function="deliver",
            file="scenarios/newsletter/views.py",
            line=41,
            kind=FrameKind.OWN,
            source="SENT.append(subscribers)",
        ),
    ),
    stacks=12,
    fingerprint="0f0e0d0c0b0a",
)
