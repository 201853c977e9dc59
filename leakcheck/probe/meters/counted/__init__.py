"""A module for each kind of resource that is counted, named as the kind is in `model.explanation.ResourceKind`.

`reader()` returns a function that counts, or None where the platform has no such count. A reading allocates nothing
that stays, and nothing whose size depends on the count: malloc would keep that block in its thread cache and count it
as in use. `labels()` yields what there is, as a key that identifies it and its name; it is called after the calls, and
may allocate. Neither runs code of the user's.
"""

from collections.abc import Callable, Iterator

from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

Read = Callable[[], int]
Labels = Iterator[tuple[object, str]]
