"""What is gated, in a folder."""

from shop import cart

from leakcheck import scenario


@scenario(growth="64 KiB / 1000 calls")
def checkout() -> None:
    """Fill a cart and pay it."""
    cart.checkout()
