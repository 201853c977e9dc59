"""What is gated, in one file."""

from collections.abc import Callable, Iterator

from shop import cart, views

from leakcheck import scenario


@scenario(growth="64 KiB / 1000 calls")
def checkout() -> None:
    """Fill a cart and pay it."""
    cart.checkout()


@scenario(variants=("naive", "iterator"), growth="64 KiB / 1000 calls", peak="10 MiB")
def newsletter(variant: str, rows: int = 200) -> Iterator[Callable[[], object]]:
    """Write to every subscriber."""
    database = views.connect(rows)
    yield lambda: views.send(database, variant)
    database.close()
