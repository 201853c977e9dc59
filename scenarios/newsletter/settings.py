"""The settings of the newsletter project. What differs from run to run comes from the environment:

NEWSLETTER_DATABASE       the SQLite file; `by-hand.sqlite3` in the cache if not said
NEWSLETTER_CACHE          the folder of the databases; `.leakcheck/newsletter` if not said
NEWSLETTER_SMTP_PORT      the mail server's port on this machine
NEWSLETTER_EMAIL_BACKEND  another way out for the mail, as a dotted name; SMTP if not said
NEWSLETTER_DEBUG          1 turns DEBUG on

To seed by hand, in the folder that `scenarios` lies in:

    python -m scenarios.newsletter.manage seed_subscribers --rows 100000
"""

import os

import django

from scenarios.newsletter.databases import cache_folder

SECRET_KEY = "a newsletter on this machine alone has no secrets to keep"
DEBUG = os.environ.get("NEWSLETTER_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost"]
# a view that fails should fail the replay with its own traceback, not with a page that says 500
DEBUG_PROPAGATE_EXCEPTIONS = True

INSTALLED_APPS = ["scenarios.newsletter"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "scenarios.newsletter.urls"
USE_TZ = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        # never a seeded file's name: SQLite makes an empty file of any name it is asked to open
        "NAME": os.environ.get("NEWSLETTER_DATABASE") or cache_folder() / "by-hand.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_BACKEND = os.environ.get("NEWSLETTER_EMAIL_BACKEND") or "django.core.mail.backends.smtp.EmailBackend"
_HOST, _PORT = "127.0.0.1", int(os.environ.get("NEWSLETTER_SMTP_PORT") or 25)
if django.VERSION >= (6, 1):
    # from 6.1 the EMAIL_ settings are deprecated, and an error beside MAILERS; before it MAILERS is unknown
    _SMTP_OPTIONS = {"host": _HOST, "port": _PORT} if _BACKEND.endswith(".smtp.EmailBackend") else {}
    MAILERS = {"default": {"BACKEND": _BACKEND, "OPTIONS": _SMTP_OPTIONS}}
else:
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _BACKEND, _HOST, _PORT
