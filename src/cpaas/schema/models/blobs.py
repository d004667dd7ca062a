"""Files in the database, and the exports that make some of them."""

from django.db import models

from cpaas.schema import fields


class Blob(models.Model):
    """A file (export, media, audio) that any host can serve; goes at its expiry."""

    account_id = fields.number()
    name = models.TextField()
    media_type = models.TextField()
    bytes = fields.number()
    chunks = models.IntegerField(db_default=0)
    complete = fields.flag(False)
    created_at = fields.created()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "blob"
        indexes = [models.Index(fields=("expires_at",), name="blob_expiry")]


class BlobChunk(models.Model):
    """At most 1 MB of a file."""

    pk = models.CompositePrimaryKey("blob_id", "number")
    blob_id = models.BigIntegerField()
    number = models.IntegerField()
    account_id = fields.number()
    data = models.BinaryField()

    class Meta:
        db_table = "blob_chunk"


class ExportJob(models.Model):
    """A file of messages or figures that is made in the background; account 0 = the operator's."""

    account_id = fields.number()
    kind = models.TextField()
    format = models.TextField()
    filters = models.JSONField(db_default={}, blank=True)
    actor = fields.text()
    status = fields.text("QUEUED")
    rows = fields.number()
    percent = fields.small()
    #: the id behind which a killed export goes on, and the rows that are kept by then.
    kept_rows = fields.number()
    before_id = models.UUIDField(null=True)
    tries = fields.small()
    leased_until = fields.moment()
    cancel_requested = fields.flag(False)
    blob_id = fields.number()
    error = fields.text()
    created_at = fields.created()
    started_at = fields.moment()
    finished_at = fields.moment()

    class Meta:
        db_table = "export_job"
        indexes = [
            models.Index(fields=("account_id", "id"), name="export_job_account"),
            models.Index(
                fields=("id",),
                name="export_job_open",
                condition=models.Q(status__in=("QUEUED", "RUNNING")),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=("QUEUED", "RUNNING", "READY", "FAILED", "CANCELLED", "EXPIRED")
                ),
                name="export_job_status",
            ),
            models.CheckConstraint(
                condition=models.Q(format__in=("csv", "xlsx")), name="export_job_format"
            ),
        ]
