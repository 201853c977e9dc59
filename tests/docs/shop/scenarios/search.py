"""What is gated, in a folder."""

from shop import web

from leakcheck import scenario


@scenario(growth="64 KiB / 1000 calls")
def search() -> None:
    """Look for tea."""
    web.search("q=tea")
