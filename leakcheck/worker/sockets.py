"""Say what a descriptor is that is a socket: its family, and both its ends."""

import _socket  # not `socket`: what is patched there would run instead
from collections.abc import Callable
from typing import Any

from leakcheck.worker.own import BUILTINS, os

__builtins__ = BUILTINS

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
