"""Group names that differ by a number, or within one folder, so that 200 log files are one line; describe sockets."""

import _socket  # not `socket`: the user's code may patch it
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS


_MANY = 5
"""Fewer names than this are listed one by one."""

_DIGITS = re.compile(r"(\d+)")


def grouped(counts: "Counter[str]") -> "Counter[str]":
    """Return the counts with names grouped where many differ: `/tmp/x/[*].log`."""
    return _group_by(_group_by(counts, _without_digits, _merge_numbers), os.path.dirname, _merge_names)


def _group_by(
    counts: "Counter[str]", key: Callable[[str], str], merge: Callable[[Sequence[str]], str]
) -> "Counter[str]":
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[key(name)].append(name)
    result: Counter[str] = Counter()
    for common, names in groups.items():
        if len(names) < _MANY or not common:
            result.update({name: counts[name] for name in names})
        else:
            result[merge(names)] += sum(counts[name] for name in names)
    return result


def _without_digits(name: str) -> str:
    return _DIGITS.sub("0", name)


def _merge_numbers(names: Sequence[str]) -> str:
    """Return the pattern of names that have numbers at the same positions."""
    columns = zip(*(_DIGITS.split(name) for name in names), strict=True)
    return "".join(parts[0] if len(set(parts)) == 1 else "[*]" for parts in columns)


def _merge_names(names: Sequence[str]) -> str:
    """Return the pattern of names in one folder: their common prefix and suffix."""
    prefix = _common_prefix(names)
    suffix = _common_prefix([name[len(prefix) :][::-1] for name in names])[::-1]
    return f"{prefix}[*]{suffix}".replace("[*][*]", "[*]")


def _common_prefix(names: Sequence[str]) -> str:
    """Return the common prefix of all, which is that of the first and last in sorted order."""
    first, last = min(names), max(names)
    return first[: next((index for index, letter in enumerate(first) if last[index : index + 1] != letter), len(first))]


_FAMILIES = {
    getattr(_socket, name): word
    for name, word in (("AF_INET", ""), ("AF_INET6", ""), ("AF_UNIX", "Unix"), ("AF_NETLINK", "netlink"))
    if hasattr(_socket, name)
}
_UNNAMED = "unnamed"
_TYPES = {_socket.SOCK_STREAM: "TCP", _socket.SOCK_DGRAM: "UDP"}


def describe_socket(descriptor: int) -> str:
    """Return a description (`TCP socket 127.0.0.1:40112 to 127.0.0.1:5432`); the descriptor itself is left as it is."""
    try:
        duplicate = _socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return "a socket"
    try:
        family = _FAMILIES.get(duplicate.family, f"family {duplicate.family}") or _TYPES.get(
            duplicate.type & 0xF, "raw"
        )
        local, remote = _address(duplicate.getsockname), _address(duplicate.getpeername)
    finally:
        duplicate.close()
    if not remote:
        return f"{family} socket, not connected" + (f", on {local}" if local else "")
    if local == remote == _UNNAMED:
        return f"{family} socket, {_UNNAMED}"
    return f"{family} socket {local} to {remote}"


def _address(get_address: Callable[[], Any]) -> str:
    """Return one end as text; "" if there is none, or it has no name."""
    try:
        address = get_address()
    except OSError:
        return ""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[0], address[1]
        return "" if not port else f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if isinstance(address, bytes):
        address = address.decode(errors="replace")
    return str(address).replace("\0", "@") if address else _UNNAMED
