"""The schema app: after each migration run, triggers, partitions and grants are laid anew."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _finish(using: str, **_: Any) -> None:
    from cpaas.schema import finish

    finish.run(using)


class SchemaConfig(AppConfig):
    """Label `schema`; tables are named by noun, without an app prefix."""

    name = "cpaas.schema"
    label = "schema"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Lay triggers and grants after every `migrate`."""
        post_migrate.connect(_finish, sender=self)
