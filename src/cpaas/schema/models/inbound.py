"""Numbers that recipients write to, and parts of replies that wait for their siblings."""

from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class InboundNumber(models.Model):
    """A number that recipients write to; without an account it is shared by its keywords."""

    channel = models.TextField()
    #: digits without plus, or a sender's letters in capitals.
    number = models.TextField()
    account = models.ForeignKey(Account, models.CASCADE, null=True)
    created_at = fields.created()

    class Meta:
        db_table = "inbound_number"
        constraints = [
            models.UniqueConstraint(fields=("channel", "number"), name="inbound_number_once")
        ]


class InboundKeyword(models.Model):
    """The first word of a reply that makes it an account's."""

    number = models.ForeignKey(InboundNumber, models.CASCADE)
    keyword = models.TextField()
    account = models.ForeignKey(Account, models.CASCADE)
    created_at = fields.created()

    class Meta:
        db_table = "inbound_keyword"
        constraints = [
            models.UniqueConstraint(fields=("number", "keyword"), name="inbound_keyword_once")
        ]


class InboundPart(models.Model):
    """A part of a long reply, stored before its carrier is answered; gone with the whole."""

    pk = models.CompositePrimaryKey(
        "route_id", "sender", "recipient", "reference", "total", "number"
    )
    route_id = models.BigIntegerField()
    sender = models.TextField()
    recipient = models.TextField()
    reference = models.IntegerField()
    total = models.SmallIntegerField()
    number = models.SmallIntegerField()
    channel = models.TextField()
    is_test = fields.flag(False)
    data = models.BinaryField()
    data_coding = models.SmallIntegerField()
    raw = models.BinaryField(db_default=b"")
    id = models.UUIDField()
    received_at = fields.created()

    class Meta:
        db_table = "inbound_part"
