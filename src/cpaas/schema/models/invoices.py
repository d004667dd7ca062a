"""Invoices as they were issued, their numbers, who is billed, and requests for more balance."""

from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class BillingDetails(models.Model):
    """What an account's invoices say about the buyer."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True)
    legal_name = fields.text()
    address = fields.text()
    country = fields.text()
    tax_id = fields.text()
    changed_at = fields.created()

    class Meta:
        db_table = "billing_details"


class InvoiceSeries(models.Model):
    """The last number of a series; moved in the transaction that stores the invoice: no gap."""

    series = models.TextField(primary_key=True)
    last_number = fields.number()

    class Meta:
        db_table = "invoice_series"


class Invoice(models.Model):
    """A month's invoice. `content` holds every figure and word of the paper; never changed."""

    account_id = models.BigIntegerField()
    month = models.DateField()
    number = models.TextField(unique=True)
    total_micro = models.BigIntegerField()
    tax_micro = models.BigIntegerField()
    currency = models.TextField()
    content = models.JSONField()
    issued_at = fields.created()
    issued_by = fields.text()

    class Meta:
        db_table = "invoice"
        constraints = [
            models.UniqueConstraint(fields=("account_id", "month"), name="invoice_once"),
        ]


class TopUpRequest(models.Model):
    """A customer asks for balance; the operator grants it (a CREDIT of the ledger) or declines."""

    account = models.ForeignKey(Account, models.CASCADE)
    amount_micro = models.BigIntegerField()
    note = fields.text()
    status = fields.text("PENDING")
    asked_by = fields.text()
    reason = fields.text()
    granted_micro = fields.number()
    decided_by = fields.text()
    created_at = fields.created()
    decided_at = fields.moment()

    class Meta:
        db_table = "top_up_request"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=("PENDING", "GRANTED", "DECLINED", "WITHDRAWN")),
                name="top_up_request_status",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_micro__gt=0), name="top_up_request_amount"
            ),
        ]
        indexes = [
            models.Index(fields=("account", "id"), name="top_up_request_account"),
            models.Index(
                fields=("id",),
                name="top_up_request_waiting",
                condition=models.Q(status="PENDING"),
            ),
        ]
