"""What the two consoles keep: sessions (apart per console), second factors and saved views."""

from __future__ import annotations

from django.db import models

from cpaas.schema import fields


class Session(models.Model):
    """A login in a browser, found by the hash of its cookie; who reads the table gains nothing."""

    session_key = models.TextField(primary_key=True)
    session_data = fields.text()
    expire_date = models.DateTimeField(db_index=True)
    user_id = fields.number()
    account_id = fields.number()
    address = fields.text()
    agent = fields.text()
    created_at = fields.created()
    seen_at = fields.created()

    class Meta:
        abstract = True


class AdminSession(Session):
    """A session of the Admin Dashboard."""

    class Meta:
        db_table = "admin_session"
        indexes = [models.Index(fields=("user_id",), name="admin_session_user")]


class PortalSession(Session):
    """A session of the User Portal."""

    class Meta:
        db_table = "portal_session"
        indexes = [models.Index(fields=("user_id",), name="portal_session_user")]


class SecondFactor(models.Model):
    """A person's TOTP secret, encrypted with the console's own key; not yet in use: unconfirmed."""

    user_id = models.BigIntegerField(primary_key=True)
    account_id = fields.number()
    secret = models.BinaryField()
    confirmed = fields.flag(False)
    #: the last time step that was used, so that no code works twice.
    last_step = fields.number()
    created_at = fields.created()

    class Meta:
        db_table = "second_factor"


class SavedView(models.Model):
    """A person's name for a screen with its filters."""

    account_id = fields.number()
    user_id = models.BigIntegerField()
    screen = models.TextField()
    name = models.TextField()
    query = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "saved_view"
        constraints = [
            models.UniqueConstraint(fields=("user_id", "screen", "name"), name="saved_view_once")
        ]
