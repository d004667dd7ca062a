"""Column shorthands, each with a database default: the data plane writes by hand-made SQL."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now


class RandomToken(models.Func):
    """36 characters with 122 random bits, made by the database."""

    function = "gen_random_uuid"
    template = "(%(function)s()::text)"
    output_field = models.TextField()


def text(default: str = "", **options: Any) -> models.TextField[str, str]:
    """A text column that is never NULL."""
    return models.TextField(db_default=default, blank=True, **options)


def number(default: int = 0, **options: Any) -> models.BigIntegerField[int, int]:
    """A bigint column with a default (money in micro-units, ids without a constraint)."""
    return models.BigIntegerField(db_default=default, **options)


def small(default: int = 0, **options: Any) -> models.SmallIntegerField[int, int]:
    """A smallint column with a default."""
    return models.SmallIntegerField(db_default=default, **options)


def flag(default: bool, **options: Any) -> models.BooleanField[bool, bool]:
    """A boolean column with a default."""
    return models.BooleanField(db_default=default, **options)


def created() -> models.DateTimeField[Any, Any]:
    """When the row was inserted."""
    return models.DateTimeField(db_default=Now())


def moment(**options: Any) -> models.DateTimeField[Any, Any]:
    """A point in time that may not have come yet (NULL)."""
    return models.DateTimeField(null=True, blank=True, **options)
