"""What a customer is about to buy."""

from dataclasses import dataclass, field


@dataclass
class Cart:
    """A customer's cart."""

    prices: list[int] = field(default_factory=list)

    def add(self, price: int) -> None:
        """Put a thing into the cart."""
        self.prices.append(price)

    def checkout(self) -> int:
        """Take what is in the cart, and return what it costs."""
        total = sum(self.prices)
        self.prices.clear()
        return total


def checkout() -> int:
    """Fill a cart and pay it."""
    cart = Cart()
    for price in range(100):
        cart.add(price)
    return cart.checkout()
