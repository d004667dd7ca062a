"""Carriers' routes, routing rules, senders, DLT templates and the blacklist."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields
from cpaas.schema.fields import RandomToken
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
    #: the secret part of the address at which this carrier calls us.
    callback_token = models.TextField(db_default=RandomToken(), editable=False)
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


class Strategy(models.Model):
    """A way to choose among routes; the target of rules."""

    name = models.TextField(unique=True)
    channel = models.TextField()
    kind = models.TextField()
    active = fields.flag(True)
    #: a member whose queue is full lets the next one take over.
    overflow = fields.flag(True)
    #: which traffic goes to the next member for lack of a receipt, and after how long.
    no_receipt = fields.text("otp")
    no_receipt_seconds = models.IntegerField(db_default=60)
    #: best delivery's limits, where they differ from the usual ones.
    settings = models.JSONField(db_default={}, blank=True)
    created_at = fields.created()

    class Meta:
        db_table = "strategy"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z0-9_]{1,32}$"), name="strategy_name"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=(
                        "failover", "round_robin", "weighted", "least_cost", "best_delivery",
                        "sticky", "time_of_day",
                    )
                ),
                name="strategy_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(no_receipt__in=("off", "otp", "all")),
                name="strategy_no_receipt",
            ),
        ]  # fmt: skip


class StrategyMember(models.Model):
    """A route of a strategy; the lower position goes first."""

    strategy = models.ForeignKey(Strategy, models.CASCADE)
    route = models.ForeignKey(Route, models.CASCADE)
    position = models.IntegerField()
    weight = models.IntegerField(db_default=1)
    #: best delivery's weight as it is now; NULL = at rest.
    share = models.IntegerField(null=True, blank=True)
    days: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    hours: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )

    class Meta:
        db_table = "strategy_member"
        constraints = [
            models.UniqueConstraint(fields=("strategy", "route"), name="strategy_member_once"),
            models.CheckConstraint(
                condition=models.Q(weight__gte=0), name="strategy_member_weight"
            ),
        ]


class RoutingRule(models.Model):
    """Which route takes a message: lowest priority first, own before ALL, older first."""

    account = models.ForeignKey(Account, models.CASCADE, null=True)
    channel = models.TextField()
    #: exactly one of the two.
    route = models.ForeignKey(Route, models.CASCADE, null=True, blank=True)
    strategy = models.ForeignKey(Strategy, models.CASCADE, null=True, blank=True)
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
    countries: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    templates: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    #: "mon".."sun", and spans such as "09:00-21:00" in the platform's zone.
    days: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    hours: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    created_at = fields.created()

    class Meta:
        db_table = "routing_rule"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(route__isnull=False, strategy__isnull=True)
                | models.Q(route__isnull=True, strategy__isnull=False),
                name="routing_rule_target",
            ),
        ]


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


class DltTemplate(models.Model):
    """A template as India's DLT has registered it; messages must match its text.

    senders: headers it is registered for, empty = any of the account's. pe_id "" = the account's.
    """

    account = models.ForeignKey(Account, models.CASCADE)
    template_id = models.TextField()
    name = fields.text()
    body = models.TextField()
    category = fields.text("service")
    senders: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    pe_id = fields.text()
    active = fields.flag(True)
    created_at = fields.created()

    class Meta:
        db_table = "dlt_template"
        constraints = [
            models.UniqueConstraint(fields=("account", "template_id"), name="dlt_template_once"),
            models.UniqueConstraint(fields=("account", "id"), name="dlt_template_account_id"),
            models.CheckConstraint(
                condition=models.Q(category__in=("promotional", "service", "transactional")),
                name="dlt_template_category",
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
