"""Message templates of accounts, their versions and what became of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account

STATUSES = ("DRAFT", "PENDING", "APPROVED", "REJECTED")


class Template(models.Model):
    """A template by its name; its text is in its versions.

    status: of the newest version. live_version: the one that messages are made from, 0 = none yet.
    """

    account = models.ForeignKey(Account, models.CASCADE)
    channel = models.TextField()
    name = models.TextField()
    language = fields.text("en")
    status = fields.text("DRAFT")
    last_version = models.IntegerField(db_default=1)
    live_version = models.IntegerField(db_default=0)
    #: SMS to India: the DLT template that its text is registered as.
    dlt_template_id = fields.text()
    created_at = fields.created()
    changed_at = fields.created()

    class Meta:
        db_table = "template"
        constraints = [
            models.UniqueConstraint(
                fields=("account", "channel", "name", "language"), name="template_once"
            ),
            models.UniqueConstraint(fields=("account", "id"), name="template_account_id"),
            models.CheckConstraint(condition=models.Q(status__in=STATUSES), name="template_status"),
            models.CheckConstraint(
                condition=models.Q(channel__in=("sms", "whatsapp", "rcs", "voice")),
                name="template_channel",
            ),
        ]
        indexes = [models.Index(fields=("status", "id"), name="template_by_status")]


class TemplateVersion(models.Model):
    """What a template said from one submission to the next; unchangeable once submitted.

    carrier_*: what the carrier says of it, apart from our own approval. carrier_account: the WABA
    or bot that it was submitted to.
    """

    account_id = models.BigIntegerField()
    template = models.ForeignKey(Template, models.CASCADE)
    number = models.IntegerField(db_default=1)
    type = models.TextField()
    #: WhatsApp: UTILITY, MARKETING or AUTHENTICATION.
    category = fields.text()
    content = models.JSONField(db_default={})
    variables: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    status = fields.text("DRAFT")
    reason = fields.text()
    decided_by = fields.text()
    carrier_status = fields.text("not_needed")
    carrier_id = fields.text()
    carrier_reason = fields.text()
    carrier_account = fields.text()
    #: what the last look at its media found; NULL = nobody looked.
    media = models.JSONField(null=True)
    created_at = fields.created()
    submitted_at = fields.moment()
    decided_at = fields.moment()
    #: why the last try to hand it over failed, for the operator.
    carrier_trouble = fields.text()
    carrier_tries = models.IntegerField(db_default=0)
    carrier_asked_at = fields.moment()
    #: when it is to be handed over or asked for; NULL = now.
    carrier_due_at = fields.moment()
    carrier_told_at = fields.moment()

    class Meta:
        db_table = "template_version"
        constraints = [
            models.UniqueConstraint(fields=("template", "number"), name="template_version_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=STATUSES), name="template_version_status"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    carrier_status__in=(
                        "not_needed", "pending", "approved", "rejected", "paused", "disabled",
                    )
                ),
                name="template_version_carrier",
            ),
        ]  # fmt: skip
        indexes = [
            # What still has to be submitted or asked for.
            models.Index(
                fields=("carrier_due_at", "id"),
                name="template_version_due",
                condition=models.Q(status="APPROVED", carrier_status="pending"),
            ),
        ]


class TemplateEvent(models.Model):
    """One step of a template's history, for those who wait for it."""

    account_id = models.BigIntegerField()
    template = models.ForeignKey(Template, models.CASCADE)
    number = models.IntegerField()
    at = fields.created()
    kind = models.TextField()
    text = fields.text()
    actor = fields.text()

    class Meta:
        db_table = "template_event"
        indexes = [models.Index(fields=("template", "id"), name="template_event_of")]
