"""A message, its parts, its events and what carriers said too early or too late.

Message, part and event are range-partitioned by UUIDv7, one partition a day; they carry no foreign
keys, since each would cost a look-up per message.
"""

from django.db import models

from cpaas.schema import fields


class Message(models.Model):
    """One message to one recipient; the row is the truth about its state."""

    id = models.UUIDField(primary_key=True)
    account_id = models.BigIntegerField()
    created_at = fields.created()
    send_at = fields.moment()
    valid_until = models.DateTimeField()
    routed_at = fields.moment()
    claimed_at = fields.moment()
    submitted_at = fields.moment()
    delivered_at = fields.moment()
    read_at = fields.moment()
    final_at = fields.moment()
    price_micro = fields.number()
    refunded_micro = fields.number()
    carrier_cost_micro = fields.number()
    actor_id = fields.number()
    route_id = fields.number()
    rule_id = fields.number()
    campaign_id = fields.number()
    claimed_by = fields.number()
    final_by = fields.number()
    parent_id = models.UUIDField(null=True)
    attempt = fields.small(1)
    segments = fields.small(1)
    fallback_step = fields.small()
    is_test = fields.flag(False)
    channel = models.TextField()
    lane = models.TextField()
    status = models.TextField()
    origin = fields.text("api")
    recipient = models.TextField()
    sender = fields.text()
    body = fields.text()
    encoding = fields.text()
    category = fields.text()
    country = fields.text()
    reference = fields.text()
    provider_message_id = models.TextField(null=True)
    error_code = fields.text()
    error = fields.text()
    webhook_url = fields.text()
    decision = fields.text()
    dlt = models.JSONField(null=True)
    content = models.JSONField(null=True)
    fallback = models.JSONField(null=True)

    class Meta:
        db_table = "message"
        indexes = [
            models.Index(fields=("account_id", "id"), name="message_account"),
            models.Index(fields=("recipient", "id"), name="message_recipient"),
            # Most messages are in neither of these two.
            models.Index(
                fields=("campaign_id", "id"),
                name="message_campaign",
                condition=~models.Q(campaign_id=0),
            ),
            # Never by status: an index on it would make each update write to every index.
            models.Index(fields=("id",), name="message_call", condition=models.Q(channel="voice")),
            models.Index(
                fields=("error_code", "id"),
                name="message_error",
                condition=~models.Q(error_code=""),
            ),
        ]


class ProviderId(models.Model):
    """Which message a carrier's id belongs to, in any attempt.

    A table of its own, because an index on the message itself would make each of its updates write
    to every index.
    """

    # With the bound in it, no plan made on an empty partition prefers another way.
    pk = models.CompositePrimaryKey("provider_message_id", "message_id")
    provider_message_id = models.TextField()
    message_id = models.UUIDField()
    account_id = models.BigIntegerField()

    class Meta:
        db_table = "provider_id"


class MessagePart(models.Model):
    """A segment sent as its own submit_sm, or the provider id of an earlier attempt."""

    pk = models.CompositePrimaryKey("message_id", "attempt", "part_no")
    message_id = models.UUIDField()
    attempt = models.SmallIntegerField()
    part_no = models.SmallIntegerField()
    account_id = models.BigIntegerField()
    route_id = models.BigIntegerField()
    provider_message_id = models.TextField(null=True)
    status = models.TextField()
    error_code = fields.text()
    submitted_at = fields.moment()
    final_at = fields.moment()

    class Meta:
        db_table = "message_part"
        indexes = [
            models.Index(
                fields=("provider_message_id", "message_id"),
                name="message_part_provider_id",
                condition=models.Q(provider_message_id__isnull=False),
            )
        ]


class MessageEvent(models.Model):
    """Off the straight path: retries, failovers, unknown outcomes, late receipts."""

    id = models.UUIDField(primary_key=True)
    message_id = models.UUIDField()
    account_id = models.BigIntegerField()
    at = fields.created()
    kind = models.TextField()
    attempt = fields.small()
    route_id = fields.number()
    actor = fields.text()
    text = fields.text()
    details = models.JSONField(null=True)

    class Meta:
        db_table = "message_event"
        indexes = [
            models.Index(fields=("message_id", "id"), name="message_event_message"),
            models.Index(
                fields=("id",),
                name="message_event_unknown",
                condition=models.Q(kind="unknown_outcome"),
            ),
        ]


class UnmatchedReceipt(models.Model):
    """A receipt whose message is not known (yet): retried for 72 hours and visible."""

    route_id = models.BigIntegerField()
    provider_message_id = models.TextField()
    state = models.TextField()
    error_code = fields.text()
    recipient = fields.text()
    sender = fields.text()
    raw = models.BinaryField(db_default=b"")
    done_at = fields.moment()
    received_at = fields.created()
    tries = fields.small()
    next_try_at = fields.moment()
    given_up_at = fields.moment()

    class Meta:
        db_table = "unmatched_receipt"
        indexes = [
            models.Index(
                fields=("provider_message_id", "route_id"), name="unmatched_receipt_provider"
            ),
            models.Index(
                fields=("next_try_at",),
                name="unmatched_receipt_due",
                condition=models.Q(given_up_at__isnull=True),
            ),
        ]


class HeldMessage(models.Model):
    """A message that a restored backup had under way: waits for a receipt or an operator."""

    message_id = models.UUIDField(primary_key=True)
    account_id = models.BigIntegerField()
    was = models.TextField()
    held_at = fields.created()

    class Meta:
        db_table = "held_message"


class InboundMessage(models.Model):
    """A message from a handset (MO), kept even when no account is known for it."""

    id = models.UUIDField(primary_key=True)
    account_id = fields.number()
    route_id = models.BigIntegerField()
    channel = models.TextField()
    sender = models.TextField()
    recipient = models.TextField()
    body = fields.text()
    content = models.JSONField(null=True)
    raw = models.BinaryField(db_default=b"")
    received_at = fields.created()
    #: the message it answers, if one is known.
    message_id = models.UUIDField(null=True)
    is_test = fields.flag(False)
    keyword = fields.text()
    #: what was done about it: stop, start or nothing.
    action = fields.text()
    #: false: parts of it never came.
    complete = fields.flag(True)

    class Meta:
        db_table = "inbound_message"
        indexes = [models.Index(fields=("account_id", "id"), name="inbound_message_account")]
