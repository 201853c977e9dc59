"""A short name for one finding that stays the same from run to run, for lists of known leaks."""

import hashlib
from collections.abc import Iterable

_LETTERS = 12
"""48 bits: two of a thousand findings share a name once in half a billion lists."""


def fingerprint_of(parts: Iterable[str]) -> str:
    """Return twelve hexadecimal digits that stand for these parts in this order.

    White space within a part does not count. Give it nothing that an unrelated edit changes: no
    line number, no absolute path, no address.
    """
    # a part that ends where the next one begins would else be the same as another division of the same text
    text = "\0".join(" ".join(part.split()) for part in parts)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_LETTERS]
