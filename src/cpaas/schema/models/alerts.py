"""Operator alerts with their history, and what is sent to people outside of traffic."""

from django.db import models
from django.db.models.functions import Now

from cpaas.schema import fields


class Alert(models.Model):
    """Something that an operator has to know of; open until `closed_at`."""

    kind = models.TextField()
    subject = fields.text()
    title = models.TextField()
    body = fields.text()
    #: the page of the dashboard that shows it.
    link = fields.text()
    opened_at = fields.created()
    #: when it was last told.
    told_at = fields.created()
    closed_at = fields.moment()
    acknowledged_at = fields.moment()
    acknowledged_by = fields.text()

    class Meta:
        db_table = "alert"
        constraints = [
            models.UniqueConstraint(
                fields=("kind", "subject"),
                condition=models.Q(closed_at__isnull=True),
                name="alert_open_once",
            ),
        ]


class Notice(models.Model):
    """A mail, or a post to the operator's webhook, kept until it is sent or given up."""

    kind = models.TextField()
    #: an address, or a URL.
    recipient = models.TextField()
    subject = fields.text()
    body = fields.text()
    alert_id = fields.number()
    created_at = fields.created()
    attempts = fields.small()
    #: NULL: sent or given up.
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    sent_at = fields.moment()
    error = fields.text()

    class Meta:
        db_table = "notice"
        indexes = [
            models.Index(
                fields=("next_at",),
                name="notice_due",
                condition=models.Q(next_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=("mail", "webhook")), name="notice_kind"
            ),
        ]
