"""Senders with tokens of their own (WABA numbers, RCS bots), conversations with them, and media."""

from __future__ import annotations

from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account
from cpaas.schema.models.routing import Route


class Identity(models.Model):
    """A WABA number or RCS bot: what `from` names, reached over one route with its own tokens."""

    channel = models.TextField()
    value = models.TextField()
    label = fields.text()
    route = models.ForeignKey(Route, models.PROTECT)
    active = fields.flag(True)
    #: what the channel must know of it that is no secret.
    settings = models.JSONField(db_default={}, blank=True)
    secret = models.BinaryField(db_default=b"")
    created_at = fields.created()

    class Meta:
        db_table = "identity"
        constraints = [
            models.UniqueConstraint(fields=("channel", "value"), name="identity_once"),
            models.CheckConstraint(
                condition=models.Q(channel__in=("whatsapp", "rcs")), name="identity_channel"
            ),
        ]


class IdentityAccount(models.Model):
    """An account that may send from an identity."""

    identity = models.ForeignKey(Identity, models.CASCADE)
    account = models.ForeignKey(Account, models.CASCADE)
    is_default = fields.flag(False)
    created_at = fields.created()

    class Meta:
        db_table = "identity_account"
        constraints = [
            models.UniqueConstraint(fields=("identity", "account"), name="identity_account_once"),
        ]


class Conversation(models.Model):
    """Until when a recipient's conversation with one of our senders is open; by what it wrote."""

    pk = models.CompositePrimaryKey("channel", "sender", "recipient")
    channel = models.TextField()
    #: ours, without plus; the recipient's with plus.
    sender = models.TextField()
    recipient = models.TextField()
    open_until = models.DateTimeField()

    class Meta:
        db_table = "conversation"
        indexes = [models.Index(fields=("open_until",), name="conversation_end")]


class MediaFile(models.Model):
    """A file of messages, fetched once from its URL; its bytes are a blob."""

    account_id = models.BigIntegerField()
    url = models.TextField()
    media_type = models.TextField()
    bytes = fields.number()
    sha256 = models.BinaryField()
    blob_id = models.BigIntegerField()
    fetched_at = fields.created()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "media_file"
        constraints = [
            models.UniqueConstraint(fields=("account_id", "url"), name="media_file_once"),
        ]
        indexes = [models.Index(fields=("expires_at",), name="media_file_expiry")]


class MediaUpload(models.Model):
    """What a carrier calls a file that was uploaded to it."""

    pk = models.CompositePrimaryKey("media_id", "holder")
    media_id = models.BigIntegerField()
    #: for whom it was uploaded: an identity, or a route.
    holder = models.TextField()
    carrier_id = models.TextField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "media_upload"
