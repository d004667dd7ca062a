"""What carries work and what counts it: queue items, idempotency, webhooks, counters."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class QueueItem(models.Model):
    """One envelope of work; lives until its consumer's own commit deletes it."""

    queue = models.TextField()
    lane = fields.small(1)
    account_id = fields.number()
    available_at = fields.created()
    messages = models.IntegerField(db_default=1)
    tries = fields.small()
    leased_by = fields.number()
    relayed_at = fields.moment()
    created_at = fields.created()
    payload = models.BinaryField()

    class Meta:
        db_table = "queue_item"
        indexes = [
            models.Index(
                fields=("queue", "lane", "account_id", "available_at"), name="queue_item_take"
            )
        ]


class DeadLetter(models.Model):
    """An envelope that could not be worked, with its reason; can be replayed."""

    queue = models.TextField()
    lane = fields.small(1)
    account_id = fields.number()
    messages = models.IntegerField(db_default=1)
    tries = fields.small()
    reason = models.TextField()
    payload = models.BinaryField()
    created_at = fields.created()

    class Meta:
        db_table = "dead_letter"


class IdempotencyKey(models.Model):
    """The answer given to a request that carried an Idempotency-Key; kept for 24 hours."""

    pk = models.CompositePrimaryKey("account_id", "key")
    account_id = models.BigIntegerField()
    key = models.TextField()
    body_hash = models.BinaryField()
    status = models.SmallIntegerField()
    response = models.BinaryField()
    created_at = fields.created()

    class Meta:
        db_table = "idempotency_key"
        indexes = [models.Index(fields=("created_at",), name="idempotency_key_age")]


class WebhookEndpoint(models.Model):
    """Where an account's events go; the signing secrets are encrypted."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True)
    url = models.TextField()
    events: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_until = fields.moment()
    active = fields.flag(True)
    disabled_reason = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "webhook_endpoint"


class WebhookDelivery(models.Model):
    """One event for one URL: the exact body and how its attempts went. Partitioned by day."""

    id = models.UUIDField(primary_key=True)
    account_id = models.BigIntegerField()
    message_id = models.UUIDField(null=True)
    event_type = models.TextField()
    url = models.TextField()
    #: the message named this URL itself; else it is the account's endpoint, which may move.
    own_url = fields.flag(False)
    body = models.BinaryField()
    status = models.TextField()
    attempts = fields.small()
    last_status = fields.small()
    last_error = fields.text()
    last_duration_ms = models.IntegerField(db_default=0)
    last_attempt_at = fields.moment()
    next_attempt_at = fields.moment()
    created_at = fields.created()

    class Meta:
        db_table = "webhook_delivery"
        indexes = [
            models.Index(fields=("account_id", "id"), name="webhook_delivery_account"),
            models.Index(
                fields=("account_id", "next_attempt_at"),
                name="webhook_delivery_due",
                condition=models.Q(next_attempt_at__isnull=False),
            ),
        ]


class WebhookAttempt(models.Model):
    """An attempt after the first, or a replay: every attempt is on record. Partitioned by day."""

    id = models.UUIDField(primary_key=True)
    delivery_id = models.UUIDField()
    account_id = models.BigIntegerField()
    at = fields.created()
    status = fields.small()
    error = fields.text()
    duration_ms = models.IntegerField(db_default=0)
    replay = fields.flag(False)

    class Meta:
        db_table = "webhook_attempt"
        indexes = [models.Index(fields=("delivery_id", "id"), name="webhook_attempt_delivery")]


class CounterMinute(models.Model):
    """Figures of one minute of acceptance, by writer instance; summed on read."""

    pk = models.CompositePrimaryKey(
        "minute", "account_id", "channel", "route_id", "country", "instance_id"
    )
    minute = models.DateTimeField()
    account_id = models.BigIntegerField()
    channel = models.TextField()
    route_id = models.BigIntegerField()
    country = models.TextField()
    instance_id = models.BigIntegerField()
    accepted = fields.number()
    segments = fields.number()
    submitted = fields.number()
    delivered = fields.number()
    read = fields.number()
    failed = fields.number()
    rejected = fields.number()
    expired = fields.number()
    blocked = fields.number()
    cancelled = fields.number()
    charged_micro = fields.number()
    refunded_micro = fields.number()
    carrier_cost_micro = fields.number()

    class Meta:
        db_table = "counter_minute"
        indexes = [models.Index(fields=("account_id", "minute"), name="counter_minute_account")]
