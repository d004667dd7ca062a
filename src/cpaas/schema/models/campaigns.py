"""Campaigns: one text for the rows of a file, each row accounted for."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields

STATUSES = ("CREATED", "QUEUED", "PROCESSING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED")
FILE_STATES = ("MISSING", "WAITING", "READING", "READY", "REFUSED")


class Campaign(models.Model):
    """A bulk sending: its content, its file as it was read, and how far its launch is."""

    account_id = models.BigIntegerField()
    name = models.TextField()
    channel = models.TextField()
    lane = fields.text("transactional")
    is_test = fields.flag(False)
    status = fields.text("CREATED")
    #: channel, sender, text and all else that its messages share.
    content = models.JSONField(db_default={}, blank=True)
    #: when and how fast: send_at_us, rate, window.
    pace = models.JSONField(db_default={}, blank=True)
    #: how the file is to be read: number_column, header, country; what is left out is found.
    mapping = models.JSONField(db_default={}, blank=True)
    actor = fields.text()
    actor_id = fields.number()
    origin = fields.text("api")
    reason = fields.text()
    reason_code = fields.text()
    file_state = fields.text("MISSING")
    file_name = fields.text()
    file_error = fields.text()
    file_error_code = fields.text()
    blob_id = fields.number()
    #: names of the columns, and which holds the number; as found or as told.
    columns = models.JSONField(db_default=[], blank=True)
    number_column = fields.small(-1)
    #: of the file: rows without the heading, and what became of them when it was read.
    total_rows = fields.number()
    good_rows = fields.number()
    bad_rows = fields.number()
    duplicate_rows = fields.number()
    #: what the check of all rows found; NULL until it was made for this very content.
    estimate = models.JSONField(null=True)
    check_wanted = fields.flag(False)
    tries = fields.small()
    leased_until = fields.moment()
    #: the launch: rows below next_row are done with in this round.
    round = fields.small()
    next_row = fields.number(1)
    last_row = fields.number()
    zone_rows = models.JSONField(db_default={}, blank=True)
    launched = fields.number()
    refused_rows = fields.number()
    retried = fields.number()
    charged_micro = fields.number()
    #: all of its messages lie between these.
    first_id = models.UUIDField(null=True)
    last_id = models.UUIDField(null=True)
    created_at = fields.created()
    started_at = fields.moment()
    finished_at = fields.moment()

    class Meta:
        db_table = "campaign"
        indexes = [
            models.Index(fields=("account_id", "id"), name="campaign_account"),
            models.Index(
                fields=("id",),
                name="campaign_open",
                condition=models.Q(status__in=("QUEUED", "PROCESSING", "PAUSED", "CANCELLED"))
                & models.Q(finished_at__isnull=True),
            ),
            models.Index(
                fields=("id",),
                name="campaign_to_read",
                condition=models.Q(file_state__in=("WAITING", "READING"))
                | models.Q(check_wanted=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=STATUSES), name="campaign_status"),
            models.CheckConstraint(
                condition=models.Q(file_state__in=FILE_STATES), name="campaign_file_state"
            ),
        ]


class CampaignRow(models.Model):
    """A row that can be sent to; which message it became is told by `campaign_batch`."""

    pk = models.CompositePrimaryKey("campaign_id", "row_no")
    campaign_id = models.BigIntegerField()
    row_no = models.BigIntegerField()
    account_id = models.BigIntegerField()
    number = models.TextField()
    #: the recipient's time zone (IANA), by the number.
    zone = fields.text()
    #: the round in which it is sent, or was last.
    round = fields.small()
    cells: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), db_default=[])

    class Meta:
        db_table = "campaign_row"
        constraints = [
            models.UniqueConstraint(fields=("campaign_id", "number"), name="campaign_row_number")
        ]
        indexes = [
            models.Index(
                fields=("campaign_id", "round", "row_no"),
                name="campaign_row_again",
                condition=models.Q(round__gt=0),
            )
        ]


class CampaignFault(models.Model):
    """A row that is not sent to, and why: found in the file, by the check, or at the launch."""

    account_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    row_no = models.BigIntegerField()
    stage = models.TextField()
    code = models.TextField()
    value = fields.text()
    detail = fields.text()
    #: of a row that the file's reading refused; what was read has them in its row.
    cells: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), db_default=[])

    class Meta:
        db_table = "campaign_fault"
        indexes = [models.Index(fields=("campaign_id", "row_no", "id"), name="campaign_fault_row")]


class CampaignBatch(models.Model):
    """Rows that were launched by one commit, and what their messages' ids begin with.

    A message's last 32 bits are its row's number, the 96 before them those of `first_id`.
    """

    account_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    round = models.SmallIntegerField()
    #: "": rows of every zone.
    zone = fields.text()
    first_row = models.BigIntegerField()
    last_row = models.BigIntegerField()
    rows = models.IntegerField()
    first_id = models.UUIDField()

    class Meta:
        db_table = "campaign_batch"
        indexes = [
            models.Index(fields=("campaign_id", "round", "last_row"), name="campaign_batch_rows")
        ]


class CampaignHalt(models.Model):
    """A campaign of which nothing is given to a carrier: it is paused, or being cancelled."""

    campaign_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    reason = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "campaign_halt"


class CampaignCounter(models.Model):
    """What became of a campaign's messages, by writer; fallback's further attempts are apart."""

    pk = models.CompositePrimaryKey("campaign_id", "instance_id")
    campaign_id = models.BigIntegerField()
    instance_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    submitted = fields.number()
    delivered = fields.number()
    read = fields.number()
    failed = fields.number()
    rejected = fields.number()
    expired = fields.number()
    blocked = fields.number()
    cancelled = fields.number()
    refunded_micro = fields.number()
    #: delivered by a further attempt of a fallback.
    rescued = fields.number()

    class Meta:
        db_table = "campaign_counter"


class CampaignError(models.Model):
    """A campaign's messages that ended with an error, by writer."""

    pk = models.CompositePrimaryKey("campaign_id", "error_code", "instance_id")
    campaign_id = models.BigIntegerField()
    error_code = models.TextField()
    instance_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    messages = fields.number()

    class Meta:
        db_table = "campaign_error"
