"""The settings of the newsletter project. What differs from run to run comes from the environment:

NEWSLETTER_DATABASE       Django's settings of the database, as JSON; the SQLite file `by-hand.sqlite3` if not said
NEWSLETTER_TABLE          the subscribers' table; `newsletter_subscriber` if not said
NEWSLETTER_MYSQL_DRIVER   pymysql takes PyMySQL and not mysqlclient
NEWSLETTER_CACHE          the folder of the databases; `.leakcheck/newsletter` if not said
NEWSLETTER_SMTP_PORT      the mail server's port on this machine
NEWSLETTER_EMAIL_BACKEND  another way out for the mail, as a dotted name; SMTP if not said
NEWSLETTER_DEBUG          1 turns DEBUG on

To seed by hand, in the folder that `scenarios` lies in:

    python -m scenarios.newsletter.manage seed_subscribers --rows 100000
"""

import json
import os

import django

from scenarios.newsletter.databases import DEFAULT_TABLE, cache_folder, sqlite_settings

SECRET_KEY = "a newsletter on this machine alone has no secrets to keep"
DEBUG = os.environ.get("NEWSLETTER_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost"]
# a view that fails should fail the replay with its own traceback, not with a page that says 500
DEBUG_PROPAGATE_EXCEPTIONS = True

INSTALLED_APPS = ["scenarios.newsletter"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "scenarios.newsletter.urls"
USE_TZ = True

# never a seeded file's name: SQLite makes an empty file of any name it is asked to open
_BY_HAND = sqlite_settings(cache_folder() / "by-hand.sqlite3")
DATABASES = {"default": json.loads(os.environ.get("NEWSLETTER_DATABASE") or "null") or _BY_HAND}
NEWSLETTER_TABLE = os.environ.get("NEWSLETTER_TABLE") or DEFAULT_TABLE
if os.environ.get("NEWSLETTER_MYSQL_DRIVER") == "pymysql":
    import pymysql

    # Django looks at mysqlclient's version, which PyMySQL stands in for
    pymysql.version_info = (2, 2, 1, "final", 0)
    pymysql.install_as_MySQLdb()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_BACKEND = os.environ.get("NEWSLETTER_EMAIL_BACKEND") or "django.core.mail.backends.smtp.EmailBackend"
_HOST, _PORT = "127.0.0.1", int(os.environ.get("NEWSLETTER_SMTP_PORT") or 25)
if django.VERSION >= (6, 1):
    # from 6.1 the EMAIL_ settings are deprecated, and an error beside MAILERS; before it MAILERS is unknown
    _SMTP_OPTIONS = {"host": _HOST, "port": _PORT} if _BACKEND.endswith(".smtp.EmailBackend") else {}
    MAILERS = {"default": {"BACKEND": _BACKEND, "OPTIONS": _SMTP_OPTIONS}}
else:
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _BACKEND, _HOST, _PORT
