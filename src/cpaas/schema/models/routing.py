"""Carriers' routes, routing rules, senders and the blacklist."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class Route(models.Model):
    """A connection to an upstream carrier gateway; its name names the queue submit_<name>."""

    name = models.TextField(unique=True)
    label = fields.text()
    channel = models.TextField()
    dialect = fields.text("smpp")
    host = fields.text()
    port = models.IntegerField(db_default=0)
    active = fields.flag(True)
    simulated = fields.flag(False)
    tps = models.IntegerField(db_default=0)
    binds = fields.small(1)
    window_size = models.IntegerField(db_default=100)
    bind_type = fields.text("trx")
    system_id = fields.text()
    system_type = fields.text()
    default_sender = fields.text()
    message_id_mode = fields.text("same")
    settings = models.JSONField(db_default={}, blank=True)
    secret = models.BinaryField(db_default=b"")
    cost_micro = fields.number()
    created_at = fields.created()

    class Meta:
        db_table = "route"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z0-9_]{1,32}$"), name="route_name"
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=("sms", "whatsapp", "rcs", "voice")),
                name="route_channel",
            ),
        ]


class RouteCost(models.Model):
    """What a carrier takes for a unit to numbers that start so; '' = every number."""

    route = models.ForeignKey(Route, models.CASCADE)
    prefix = fields.text()
    amount_micro = models.BigIntegerField()

    class Meta:
        db_table = "route_cost"
        constraints = [
            models.UniqueConstraint(fields=("route", "prefix"), name="route_cost_once"),
            models.CheckConstraint(
                condition=models.Q(amount_micro__gte=0), name="route_cost_not_negative"
            ),
        ]


class RoutingRule(models.Model):
    """Which route takes a message: lowest priority first, own before ALL, older first."""

    account = models.ForeignKey(Account, models.CASCADE, null=True)
    channel = models.TextField()
    route = models.ForeignKey(Route, models.CASCADE)
    priority = models.IntegerField(db_default=100)
    active = fields.flag(True)
    prefixes: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    senders: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    lanes: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    created_at = fields.created()

    class Meta:
        db_table = "routing_rule"


class Sender(models.Model):
    """A sender id of an account; only an approved one may be used."""

    account = models.ForeignKey(Account, models.CASCADE)
    channel = models.TextField()
    value = models.TextField()
    status = fields.text("PENDING")
    is_default = fields.flag(False)
    pe_id = fields.text()
    reason = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "sender"
        constraints = [
            models.UniqueConstraint(fields=("account", "channel", "value"), name="sender_once"),
            models.UniqueConstraint(fields=("account", "id"), name="sender_account_id"),
            models.UniqueConstraint(
                fields=("account", "channel"),
                condition=models.Q(is_default=True),
                name="sender_one_default",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=("PENDING", "APPROVED", "REJECTED")),
                name="sender_status",
            ),
        ]


class BlacklistEntry(models.Model):
    """A number that gets no message: of one account, or of all (account_id 0).

    channel "" = every channel. source: manual, import, api or opt_out (the recipient said STOP).
    """

    account_id = models.BigIntegerField(db_default=0)
    number = models.TextField()
    channel = fields.text()
    reason = fields.text()
    source = fields.text("manual")
    created_by = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "blacklist_entry"
        constraints = [
            models.UniqueConstraint(
                fields=("number", "account_id", "channel"), name="blacklist_entry_once"
            ),
            # A number in another form would block nothing, and nobody would be told.
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="blacklist_entry_number",
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=("", "sms", "whatsapp", "rcs", "voice")),
                name="blacklist_entry_channel",
            ),
        ]
        indexes = [models.Index(fields=("account_id", "id"), name="blacklist_entry_account")]
