"""Count and name the open files, including sockets and pipes."""

import _socket  # not `socket`: the user's code may patch it
from collections.abc import Callable
from typing import Any

from leakcheck.probe.meters.counted import Labels, Read
from leakcheck.probe.originals import BUILTINS, is_there, os, resource

__builtins__ = BUILTINS

_FAMILIES = {
    getattr(_socket, name): word
    for name, word in (("AF_INET", ""), ("AF_INET6", ""), ("AF_UNIX", "Unix"), ("AF_NETLINK", "netlink"))
    if hasattr(_socket, name)
}
_UNNAMED = "unnamed"
_TYPES = {_socket.SOCK_STREAM: "TCP", _socket.SOCK_DGRAM: "UDP"}


def reader() -> Read | None:
    """Return a reader of the number of open descriptors; None without a /proc."""
    if not is_there("/proc/self/fd"):
        return None

    def read() -> int:
        # no list of names: one that gets longer each time would show up in malloc's bytes
        with os.scandir("/proc/self/fd") as entries:
            return sum(1 for _ in entries) - 1  # the listing itself opens one

    return read


def labels() -> Labels:
    """Yield each by its path, or what else it is."""
    for number in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one that the listing opened
        yield (number, target), _describe_file(number, target)


def _describe_file(number: int, target: str) -> str:
    if target.startswith("socket:"):
        return _describe_socket(number)
    if target.startswith("anon_inode:"):
        return target.removeprefix("anon_inode:").strip("[]").replace("eventpoll", "epoll")
    return "a pipe" if target.startswith("pipe:") else target


def _describe_socket(descriptor: int) -> str:
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


def raise_open_files_limit(most: int = 65_536) -> None:
    """Raise the soft limit of open files, so that a leak is measured and does not end as an error on call 1000."""
    if resource is None:
        return
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        target = most if hard == resource.RLIM_INFINITY else min(hard, most)
        if soft != resource.RLIM_INFINITY and soft < target:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (ValueError, OSError):
        pass
