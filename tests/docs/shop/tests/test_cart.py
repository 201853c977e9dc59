"""What the shop promises."""

from shop.cart import Cart, checkout


def test_a_cart_is_paid_once() -> None:
    """A paid cart is empty."""
    cart = Cart()
    cart.add(3)
    assert (cart.checkout(), cart.checkout()) == (3, 0)


def test_a_checkout_has_a_price() -> None:
    """A hundred things cost something."""
    assert checkout() > 0
