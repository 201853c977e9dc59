"""The table of subscribers, with a hundred of them."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def subscribe(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill the table."""
    subscribers = apps.get_model("mysite", "Subscriber").objects
    subscribers.bulk_create(subscribers.model(email=f"{number}@example.org") for number in range(100))


class Migration(migrations.Migration):
    """The first one."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254)),
            ],
        ),
        migrations.RunPython(subscribe),
    )
