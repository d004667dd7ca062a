"""Money: wallets, the append-only ledger and prices, all in integer micro-units."""

from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class Wallet(models.Model):
    """An account's balance; changed only together with a ledger entry."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True)
    balance_micro = fields.number()
    credit_limit_micro = fields.number()
    low_balance_micro = fields.number()

    class Meta:
        db_table = "wallet"


class LedgerEntry(models.Model):
    """One movement of money. Rows are never changed or deleted; their sum is the balance."""

    account_id = models.BigIntegerField()
    kind = models.TextField()
    amount_micro = models.BigIntegerField()
    message_id = models.UUIDField(null=True)
    attempt = fields.small()
    note = fields.text()
    actor = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "ledger_entry"
        indexes = [
            models.Index(fields=("account_id", "id"), name="ledger_entry_account"),
            # Refunds and credits are few among an account's debits.
            models.Index(
                fields=("account_id", "id"),
                name="ledger_entry_rare",
                condition=~models.Q(kind="DEBIT"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("message_id", "attempt", "kind"),
                condition=models.Q(message_id__isnull=False) & ~models.Q(kind="DEBIT"),
                name="ledger_entry_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=("DEBIT", "REFUND", "RESERVE", "CAPTURE", "CREDIT", "ADJUST")
                ),
                name="ledger_entry_kind",
            ),
        ]


class LedgerDay(models.Model):
    """What of an account's ledger was booked on one day, as far as `LedgerFold` has added up.

    Days are those of the platform's time zone; another zone adds them up anew.
    """

    pk = models.CompositePrimaryKey("account_id", "day", "kind")
    account_id = models.BigIntegerField()
    day = models.DateField()
    kind = models.TextField()
    entries = fields.number()
    amount_micro = fields.number()

    class Meta:
        db_table = "ledger_day"


class LedgerFold(models.Model):
    """How far the ledger is added up by day: one row."""

    id = models.SmallIntegerField(primary_key=True)
    zone = models.TextField()
    #: every entry up to this id is in `LedgerDay`.
    folded_id = fields.number()
    #: the highest id of a moment; once nobody writes who began before it, none comes below.
    seen_id = fields.number()
    seen_at = fields.moment()

    class Meta:
        db_table = "ledger_fold"


class Price(models.Model):
    """What a unit costs: platform default (account NULL) or an account's own.

    Of a country (ISO code), of a prefix, or ('' both) of every number; the longest prefix wins,
    then the country.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True)
    channel = models.TextField()
    category = fields.text()
    country = fields.text()
    prefix = fields.text()
    amount_micro = models.BigIntegerField()

    class Meta:
        db_table = "price"
        constraints = [
            models.UniqueConstraint(
                fields=("account", "channel", "category", "country", "prefix"),
                name="price_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(amount_micro__gte=0), name="price_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(country="") | models.Q(prefix=""), name="price_one_condition"
            ),
        ]


class AccountStatement(models.Model):
    """A closed month of an account: opening + the lines = closing. Made once, never changed."""

    pk = models.CompositePrimaryKey("account_id", "month")
    account_id = models.BigIntegerField()
    month = models.DateField()
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    opening_micro = models.BigIntegerField()
    closing_micro = models.BigIntegerField()
    lines = models.JSONField()
    closed_at = fields.created()

    class Meta:
        db_table = "account_statement"
