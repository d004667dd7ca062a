"""Accounts, the people who log in, and the credentials of programs."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields

CHANNELS = ("sms", "whatsapp", "rcs", "voice")


class Account(models.Model):
    """A customer of the platform; the tenant that row-level security knows."""

    name = models.TextField(unique=True)
    active = fields.flag(True)
    is_sandbox = fields.flag(False)
    billing_mode = fields.text("prepaid")
    allowed_ips: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    countries: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    tps = models.IntegerField(db_default=0)
    daily_cap = fields.number()
    sms_enabled = fields.flag(True)
    whatsapp_enabled = fields.flag(True)
    rcs_enabled = fields.flag(True)
    voice_enabled = fields.flag(True)
    dlt_mode = fields.text()
    pe_id = fields.text()
    tm_id = fields.text()
    refund_failed = fields.flag(False)
    unknown_outcome = fields.text()
    #: what answers a STOP and a START; empty = nothing.
    stop_reply = fields.text()
    start_reply = fields.text()
    created_at = fields.created()

    class Meta:
        db_table = "account"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(billing_mode__in=("prepaid", "postpaid")),
                name="account_billing_mode",
            ),
            models.CheckConstraint(
                condition=models.Q(dlt_mode__in=("", "off", "warn", "enforce")),
                name="account_dlt_mode",
            ),
        ]


class AssignedRoute(models.Model):
    """The route assigned to an account in the user editor; it stands before all rules."""

    account = models.ForeignKey(Account, models.CASCADE)
    channel = models.TextField()
    route = models.ForeignKey("schema.Route", models.CASCADE)

    class Meta:
        db_table = "assigned_route"
        constraints = [
            models.UniqueConstraint(fields=("account", "channel"), name="assigned_route_once")
        ]


class UserManager(BaseUserManager["User"]):
    """Makes users by username."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user of that name."""
        return self.get(username=username)


class User(AbstractBaseUser):
    """A person who logs in: an ADMIN (no account) or a USER of one account."""

    username = models.TextField(unique=True)
    email = fields.text()
    phone = fields.text()
    role = models.TextField()
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True)
    member_role = fields.text("owner")
    is_active = fields.flag(True)
    must_change_password = fields.flag(False)
    failed_logins = fields.small()
    locked_until = fields.moment()
    has_second_factor = fields.flag(False)
    created_at = fields.created()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]
    objects = UserManager()

    class Meta:
        db_table = "app_user"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role="ADMIN", account__isnull=True)
                | models.Q(role="USER", account__isnull=False),
                name="app_user_role",
            ),
        ]


class ApiKey(models.Model):
    """A REST key, stored as the SHA-256 of its 256 random bits and found by that digest."""

    account = models.ForeignKey(Account, models.CASCADE)
    kind = models.TextField()
    digest = models.BinaryField(unique=True)
    prefix = models.TextField()
    name = fields.text()
    #: a person's token of a few minutes, with which the portal calls the API; 0 = a program's key.
    user_id = fields.number()
    expires_at = fields.moment()
    created_at = fields.created()
    revoked_at = fields.moment()

    class Meta:
        db_table = "api_key"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=("live", "test")), name="api_key_kind"
            ),
        ]


class AdminKey(models.Model):
    """An operator's REST key: opens the calls about the platform, never an account's."""

    name = models.TextField(unique=True)
    digest = models.BinaryField(unique=True)
    prefix = models.TextField()
    allowed_ips: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(), db_default=[], blank=True
    )
    created_at = fields.created()
    revoked_at = fields.moment()

    class Meta:
        db_table = "admin_key"


class SmppCredential(models.Model):
    """The system id and password (argon2id) with which a customer's ESME binds."""

    account = models.ForeignKey(Account, models.CASCADE)
    system_id = models.TextField(unique=True)
    password_hash = models.TextField()
    active = fields.flag(True)
    max_binds = fields.small(4)
    tps = models.IntegerField(db_default=0)
    #: requests of one bind that may wait for their answer, 0 = the server's own bound.
    window = models.IntegerField(db_default=0)
    # Set by the first bind that takes deliver_sm: from then on replies come that way, too.
    receives = fields.flag(False)
    created_at = fields.created()

    class Meta:
        db_table = "smpp_credential"


class TwilioCredential(models.Model):
    """The auth token of an account's Twilio interface: its digest, and itself encrypted.

    It signs callbacks, so that a digest alone would not do.
    """

    account = models.OneToOneField(Account, models.CASCADE)
    digest = models.BinaryField(db_default=b"")
    secret = models.BinaryField(db_default=b"")
    created_at = fields.created()

    class Meta:
        db_table = "twilio_credential"
