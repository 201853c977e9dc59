"""Short file names."""

import pytest

from leakcheck.analysis.explain.stack_tree import short_file


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/home/ann/shop/cart.py", "cart.py"),
        ("/home/ann/shop/tests/cart.py", "tests/cart.py"),
        ("/home/ann/shopping/cart.py", "/home/ann/shopping/cart.py"),
        ("/home/ann/shop/.venv/lib/python3.11/site-packages/django/db/models/base.py", "django/db/models/base.py"),
        ("/usr/lib/python3/dist-packages/django/apps.py", "django/apps.py"),
        ("/a/site-packages/b/lib/python3.12/site-packages/c/d.py", "c/d.py"),
        ("/usr/lib/python3.11/copy.py", "python3.11/copy.py"),
        ("/usr/lib64/python3.13t/copy.py", "python3.13t/copy.py"),
        ("<string>", "<string>"),
        ("", ""),
    ],
)
def test_a_file_is_shortened_to_the_part_that_people_look_for(file: str, shown: str) -> None:
    assert short_file(file, "/home/ann/shop") == shown
