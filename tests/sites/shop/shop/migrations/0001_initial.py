"""The tables, and the products that SHOP_PRODUCTS asks for."""

import os
from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation


def make_products(apps: Any, schema_editor: Any) -> None:
    product = apps.get_model("shop", "Product")
    numbers = range(int(os.environ.get("SHOP_PRODUCTS") or 20))
    texts = (product(name=f"Tea {number}", description=f"{number}: leaves and water. " * 8) for number in numbers)
    product.objects.bulk_create(texts, batch_size=500)
    order = apps.get_model("shop", "Order")
    order.objects.bulk_create((order(product=one, amount=1) for one in product.objects.all()), batch_size=500)


class Migration(migrations.Migration):
    initial = True
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.PositiveIntegerField()),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="orders", to="shop.product"
                    ),
                ),
            ],
        ),
        migrations.RunPython(make_products, migrations.RunPython.noop),
    ]
