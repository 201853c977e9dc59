"""Products and their orders."""

from django.db import models


class Product(models.Model):
    """What is sold."""

    name = models.CharField(max_length=100)
    description = models.TextField()

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """What was bought."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    amount = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} × {self.product}"
