"""Figures by hour and by day, made of the minutes' counters, so that no page scans traffic.

A minute's counters are folded into both tables and deleted; what comes later for an old minute (a
late receipt) is a row of its own there, until the next fold. A figure is the sum over both.
"""

from django.db import models

from cpaas.schema import fields


class CounterFigures(models.Model):
    """What is counted, as in `counter_minute`."""

    accepted = fields.number()
    segments = fields.number()
    submitted = fields.number()
    delivered = fields.number()
    read = fields.number()
    failed = fields.number()
    rejected = fields.number()
    expired = fields.number()
    blocked = fields.number()
    cancelled = fields.number()
    charged_micro = fields.number()
    refunded_micro = fields.number()
    carrier_cost_micro = fields.number()

    class Meta:
        abstract = True


class CounterHour(CounterFigures):
    """Figures of one hour of acceptance; hours begin with those of the platform's time zone.

    Account 0 holds the sums over all accounts.
    """

    pk = models.CompositePrimaryKey("hour", "account_id", "channel", "route_id", "country")
    hour = models.DateTimeField()
    account_id = models.BigIntegerField()
    channel = models.TextField()
    route_id = models.BigIntegerField()
    country = models.TextField()

    class Meta:
        db_table = "counter_hour"
        indexes = [models.Index(fields=("account_id", "hour"), name="counter_hour_account")]


class CounterDay(CounterFigures):
    """Figures of one day of acceptance in the platform's time zone.

    Account 0 holds the sums over all accounts.
    """

    pk = models.CompositePrimaryKey("day", "account_id", "channel", "route_id", "country")
    day = models.DateField()
    account_id = models.BigIntegerField()
    channel = models.TextField()
    route_id = models.BigIntegerField()
    country = models.TextField()

    class Meta:
        db_table = "counter_day"
        indexes = [models.Index(fields=("account_id", "day"), name="counter_day_account")]


class CounterAccountDay(CounterFigures):
    """An account's figures of one day over everything: close together, for lists of all accounts.

    Among the many rows of `CounterDay` each would be read from a page of its own.
    """

    pk = models.CompositePrimaryKey("day", "account_id")
    day = models.DateField()
    account_id = models.BigIntegerField()

    class Meta:
        db_table = "counter_account_day"


class CounterPlatformMinute(CounterFigures):
    """Figures of one minute over all accounts and countries, for charts of the last hours."""

    pk = models.CompositePrimaryKey("minute", "channel", "route_id")
    minute = models.DateTimeField()
    channel = models.TextField()
    route_id = models.BigIntegerField()

    class Meta:
        db_table = "counter_platform_minute"


class CounterInstanceDay(models.Model):
    """What one writer accepted in a day, as far as it is folded: daily caps tell writers apart."""

    pk = models.CompositePrimaryKey("day", "account_id", "instance_id")
    day = models.DateField()
    account_id = models.BigIntegerField()
    instance_id = models.BigIntegerField()
    accepted = fields.number()

    class Meta:
        db_table = "counter_instance_day"


class CounterError(models.Model):
    """Messages of one minute of acceptance that ended with an error, by writer instance."""

    pk = models.CompositePrimaryKey(
        "minute", "account_id", "channel", "route_id", "error_code", "instance_id"
    )
    minute = models.DateTimeField()
    account_id = models.BigIntegerField()
    channel = models.TextField()
    route_id = models.BigIntegerField()
    error_code = models.TextField()
    instance_id = models.BigIntegerField()
    messages = fields.number()

    class Meta:
        db_table = "counter_error"


class CounterErrorHour(models.Model):
    """Messages of one hour of acceptance that ended with an error; account 0: all accounts'."""

    pk = models.CompositePrimaryKey("hour", "account_id", "channel", "route_id", "error_code")
    hour = models.DateTimeField()
    account_id = models.BigIntegerField()
    channel = models.TextField()
    route_id = models.BigIntegerField()
    error_code = models.TextField()
    messages = fields.number()

    class Meta:
        db_table = "counter_error_hour"
        indexes = [models.Index(fields=("account_id", "hour"), name="counter_error_hour_account")]
