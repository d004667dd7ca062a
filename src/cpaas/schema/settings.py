"""Django settings for migrations: the schema app and one connection, from CPAAS_DSN."""

import os
from urllib.parse import parse_qsl, unquote, urlsplit


def database_from_dsn(dsn: str) -> dict[str, object]:
    """Django DATABASES entry of a postgresql:// DSN (socket folders by ?host=)."""
    parts = urlsplit(dsn)
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(options.pop("port", parts.port or "")),
        "OPTIONS": options,
    }


SECRET_KEY = "unused: this settings module serves no request"
INSTALLED_APPS = ["cpaas.schema.apps.SchemaConfig"]
AUTH_USER_MODEL = "schema.User"
DATABASES = {"default": database_from_dsn(os.environ.get("CPAAS_DSN", "postgresql:///cpaas"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
