"""Products and their orders."""

from django.db import models


class Product(models.Model):
    """What is sold."""

    orders: "models.QuerySet[Order]"
    name: "models.CharField[str, str]" = models.CharField(max_length=100)
    description: "models.TextField[str, str]" = models.TextField()

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """What was bought."""

    product: "models.ForeignKey[Product, Product]" = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="orders"
    )
    amount: "models.PositiveIntegerField[int, int]" = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} × {self.product}"
