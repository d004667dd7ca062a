"""What best delivery goes by, and the record of what it changed and why."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cpaas.schema import fields


class RouteQuality(models.Model):
    """What a route of a best delivery strategy did in one minute, by writer; kept for a day."""

    pk = models.CompositePrimaryKey("route_id", "minute", "instance_id")
    route_id = models.BigIntegerField()
    minute = models.DateTimeField()
    instance_id = models.BigIntegerField()
    answers = fields.number()
    errors = fields.number()
    in_time = fields.number()
    slow = fields.number()
    failed = fields.number()

    class Meta:
        db_table = "route_quality"
        indexes = [models.Index(fields=("minute",), name="route_quality_age")]


class StrategyChange(models.Model):
    """A change of a strategy's weights: of which routes, from what to what, and why."""

    strategy_id = models.BigIntegerField()
    at = fields.created()
    kind = models.TextField()
    reason = models.TextField()
    route_ids: ArrayField[list[int], list[int]] = ArrayField(models.BigIntegerField())
    before: ArrayField[list[int], list[int]] = ArrayField(models.IntegerField())
    after: ArrayField[list[int], list[int]] = ArrayField(models.IntegerField())

    class Meta:
        db_table = "strategy_change"
        indexes = [models.Index(fields=("strategy_id", "at"), name="strategy_change_strategy")]
