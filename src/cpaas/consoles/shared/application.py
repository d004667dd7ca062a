"""Sets Django up for one console: its settings, its middleware, its WSGI application."""

import hashlib
import logging
from typing import Any

from cpaas.consoles.shared.follow import Followed
from cpaas.consoles.shared.runtime import Runtime, begin, changed
from cpaas.schema.settings import database_from_dsn
from cpaas.settings.current import Current

SESSION_SECONDS = 12 * 3600


def make(runtime: Runtime, followed: Followed) -> Any:
    """The WSGI application; once per process."""
    import django
    from django.conf import settings
    from django.contrib.auth.signals import user_logged_in
    from django.core.wsgi import get_wsgi_application

    from cpaas.consoles.shared.failures import OneLine

    begin(runtime)
    logging.getLogger("django.request").addFilter(OneLine())
    settings.configure(**_settings(runtime))
    django.setup(set_prefix=False)
    # The login writes it itself, in the same transaction as the audit entry.
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    followed.on_change(changed)
    followed.on_change(_tell_django)
    return get_wsgi_application()


def _tell_django(current: Current) -> None:
    """Django's own idea of the zone follows too."""
    from django.conf import settings
    from django.utils import timezone

    name = current.applied().timezone
    if name != settings.TIME_ZONE:
        settings.TIME_ZONE = name
        getattr(timezone.get_default_timezone, "cache_clear", bool)()


def _settings(runtime: Runtime) -> dict[str, Any]:
    console, options = runtime.console, runtime.settings
    dsn = options.dsn("portal") if console.is_portal else options.dsn()
    database = database_from_dsn(dsn)
    database |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    public = options.console_url(console.name)
    secure = public.startswith("https://")
    package = f"cpaas.consoles.{console.name}"
    return {
        "SECRET_KEY": hashlib.sha256(runtime.keyring.derive("django")).hexdigest(),
        "ALLOWED_HOSTS": ["*"],
        "ROOT_URLCONF": "cpaas.consoles.shared.urls",
        "INSTALLED_APPS": [
            package,
            "cpaas.consoles.shared",
            "unfold",
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "cpaas.schema.apps.SchemaConfig",
        ],
        "MIDDLEWARE": _middleware(),
        "TEMPLATES": [_templates()],
        "DATABASES": {"default": database},
        "AUTH_USER_MODEL": "schema.User",
        "AUTHENTICATION_BACKENDS": ["cpaas.consoles.shared.people.Backend"],
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGIN_URL": "/login/",
        "SESSION_ENGINE": f"{package}.sessions",
        "SESSION_COOKIE_NAME": f"cpaas_{console.name}_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_AGE": SESSION_SECONDS,
        "CSRF_COOKIE_NAME": f"cpaas_{console.name}_csrf",
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SECURE": secure,
        "CSRF_TRUSTED_ORIGINS": [public],
        "CSRF_FAILURE_VIEW": "cpaas.consoles.shared.failures.csrf",
        # A message's cookie would be shared by both consoles of one host.
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
        "STATIC_URL": "/static/",
        "STATICFILES_DIRS": [],
        "WHITENOISE_USE_FINDERS": True,
        "WHITENOISE_MAX_AGE": 86_400,
        "USE_TZ": True,
        "TIME_ZONE": options.timezone,
        "LANGUAGE_CODE": "en",
        "USE_I18N": False,
        "USE_THOUSAND_SEPARATOR": False,
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 2000,
        "LOGGING_CONFIG": None,
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
    }


def _middleware() -> list[str]:
    shared = "cpaas.consoles.shared"
    return [
        f"{shared}.protect.Protect",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        f"{shared}.tenancy.Tenancy",
        "django.contrib.sessions.middleware.SessionMiddleware",
        f"{shared}.tenancy.Account",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        f"{shared}.gate.Gate",
    ]


def _templates() -> dict[str, Any]:
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cpaas.consoles.shared.context.page",
            ],
            "builtins": ["cpaas.consoles.shared.templatetags.console"],
        },
    }
