"""Put names together that differ by a number, or within one folder: 200 log files are one line."""

import _socket  # not `socket`: what is patched there would run instead
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS


_MANY = 5
"""Fewer that differ are named each by itself."""

_DIGITS = re.compile(r"(\d+)")


def grouped(counts: "Counter[str]") -> "Counter[str]":
    """Return the counts with names put together where many differ: `/tmp/x/[*].log`."""
    return _by_key(_by_key(counts, _without_digits, _merged_numbers), os.path.dirname, _merged_names)


def _by_key(counts: "Counter[str]", key: Callable[[str], str], merge: Callable[[Sequence[str]], str]) -> "Counter[str]":
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[key(name)].append(name)
    found: Counter[str] = Counter()
    for common, names in groups.items():
        if len(names) < _MANY or not common:
            found.update({name: counts[name] for name in names})
        else:
            found[merge(names)] += sum(counts[name] for name in names)
    return found


def _without_digits(name: str) -> str:
    return _DIGITS.sub("0", name)


def _merged_numbers(names: Sequence[str]) -> str:
    """Return what names with numbers at the same places have in common."""
    columns = zip(*(_DIGITS.split(name) for name in names), strict=True)
    return "".join(parts[0] if len(set(parts)) == 1 else "[*]" for parts in columns)


def _merged_names(names: Sequence[str]) -> str:
    """Return the beginning and the end that names in one folder have in common."""
    before = _beginning(names)
    after = _beginning([name[len(before) :][::-1] for name in names])[::-1]
    return f"{before}[*]{after}".replace("[*][*]", "[*]")


def _beginning(names: Sequence[str]) -> str:
    """Return how all begin: as the first and the last of them do, in the order of the alphabet."""
    first, last = min(names), max(names)
    return first[: next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))]


_FAMILIES = {
    getattr(_socket, name): word
    for name, word in (("AF_INET", ""), ("AF_INET6", ""), ("AF_UNIX", "Unix"), ("AF_NETLINK", "netlink"))
    if hasattr(_socket, name)
}
_UNNAMED = "unnamed"
_TYPES = {_socket.SOCK_STREAM: "TCP", _socket.SOCK_DGRAM: "UDP"}


def describe_socket(descriptor: int) -> str:
    """Return what it is (`TCP socket 127.0.0.1:40112 to 127.0.0.1:5432`); its own descriptor stays as it is."""
    try:
        one = _socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return "a socket"
    try:
        family = _FAMILIES.get(one.family, f"family {one.family}") or _TYPES.get(one.type & 0xF, "raw")
        here, there = _address(one.getsockname), _address(one.getpeername)
    finally:
        one.close()
    if not there:
        return f"{family} socket, not connected" + (f", on {here}" if here else "")
    if here == there == _UNNAMED:
        return f"{family} socket, {_UNNAMED}"
    return f"{family} socket {here} to {there}"


def _address(ask: Callable[[], Any]) -> str:
    """Return one end as text; "" where there is none, or none with a name."""
    try:
        address = ask()
    except OSError:
        return ""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[0], address[1]
        return "" if not port else f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if isinstance(address, bytes):
        address = address.decode(errors="replace")
    return str(address).replace("\0", "@") if address else _UNNAMED
