"""What the SMPP server for customers keeps: receipts on their way, parts, and who is bound."""

from __future__ import annotations

from django.db import models

from cpaas.schema import fields


class SmppReceipt(models.Model):
    """A receipt or reply for a customer's bind, kept until its deliver_sm is answered.

    body: the event's or reply's JSON. leased_until: nobody else sends it before.
    """

    account_id = models.BigIntegerField()
    system_id = models.TextField()
    kind = fields.text("receipt")
    body = models.BinaryField()
    leased_by = fields.number()
    leased_until = fields.moment()
    created_at = fields.created()

    class Meta:
        db_table = "smpp_receipt"
        indexes = [
            models.Index(fields=("system_id", "id"), name="smpp_receipt_system_id"),
            models.Index(fields=("created_at",), name="smpp_receipt_created"),
        ]


class SmppPart(models.Model):
    """A part of a long message whose other parts have not come yet; answered already."""

    account_id = models.BigIntegerField()
    system_id = models.TextField()
    message_id = models.UUIDField()
    number = models.SmallIntegerField()
    pdu = models.BinaryField()
    created_at = fields.created()

    class Meta:
        db_table = "smpp_part"
        constraints = [
            models.UniqueConstraint(fields=("message_id", "number"), name="smpp_part_once")
        ]


class SmppBind(models.Model):
    """A customer's bind as its server saw it last."""

    instance_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    system_id = models.TextField()
    bind_type = models.TextField()
    address = models.TextField()
    submitted = fields.number()
    refused = fields.number()
    delivered = fields.number()
    unanswered = models.IntegerField(db_default=0)
    #: why the last message was refused: the stable code, and what was wrong.
    last_refusal = fields.text()
    bound_at = models.DateTimeField()
    seen_at = fields.created()

    class Meta:
        db_table = "smpp_bind"
        indexes = [models.Index(fields=("account_id", "id"), name="smpp_bind_account")]
