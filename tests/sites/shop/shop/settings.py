"""The settings of the shop. What differs from test to test comes from the environment.

SHOP_PRODUCTS  the products that the migrations make; 20 if not said
SHOP_DEBUG     1 turns DEBUG on
SHOP_CACHE     how many entries the cache may have; 300 if not said, as with Django
SHOP_DATABASE  another database, as the JSON of Django's setting
"""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "a shop on this machine alone has no secrets to keep"
DEBUG = os.environ.get("SHOP_DEBUG") == "1"
ALLOWED_HOSTS = ["shop.example.com"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "leakcheck.django",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": json.loads(os.environ.get("SHOP_DATABASE") or "null")
    or {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "shop.sqlite3"}
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": int(os.environ.get("SHOP_CACHE") or 300)},
    }
}
LOGIN_URL = "/login/"
LANGUAGES = [("en", "English"), ("de", "German")]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# nobody listens there: a mail that is really sent is an error
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", 1
