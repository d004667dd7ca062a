"""The running system: instances, desired states, routes' leases and states, settings, audit."""

from django.db import models

from cpaas.schema import fields


class ServiceInstance(models.Model):
    """A process of a service, alive while its heartbeat is young."""

    service = models.TextField()
    host = fields.text()
    pid = models.IntegerField(db_default=0)
    port = models.IntegerField(db_default=0)
    version = fields.text()
    started_at = fields.created()
    heartbeat_at = fields.created()
    stopped_at = fields.moment()
    recovered_at = fields.moment()
    details = models.JSONField(db_default={}, blank=True)

    class Meta:
        db_table = "service_instance"


class ServiceState(models.Model):
    """What every supervisor shall bring about for a service."""

    service = models.TextField(primary_key=True)
    desired = fields.text("running")
    restart_generation = models.IntegerField(db_default=0)
    changed_by = fields.text()
    changed_at = fields.created()

    class Meta:
        db_table = "service_state"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(desired__in=("running", "stopped")),
                name="service_state_desired",
            )
        ]


class RouteLease(models.Model):
    """The instance that may send on a route until the lease ends."""

    route_id = models.BigIntegerField(primary_key=True)
    instance_id = models.BigIntegerField()
    leased_until = models.DateTimeField()

    class Meta:
        db_table = "route_lease"


class RouteState(models.Model):
    """A route as its holder sees it now: binds up, window, throttling, last error."""

    route_id = models.BigIntegerField(primary_key=True)
    instance_id = models.BigIntegerField()
    state = models.TextField()
    binds_up = fields.small()
    binds_wanted = fields.small()
    in_flight = models.IntegerField(db_default=0)
    tps_now = models.FloatField(db_default=0.0)
    throttled_until = fields.moment()
    last_error = fields.text()
    updated_at = fields.created()

    class Meta:
        db_table = "route_state"


class PlatformSetting(models.Model):
    """A setting that the operator changes at run time."""

    name = models.TextField(primary_key=True)
    value = models.JSONField()
    changed_at = fields.created()

    class Meta:
        db_table = "platform_setting"


class ConfigVersion(models.Model):
    """Version of each configuration table, bumped by triggers; snapshots reload what moved."""

    table_name = models.TextField(primary_key=True)
    version = fields.number()

    class Meta:
        db_table = "config_version"


class AuditLog(models.Model):
    """Who changed what, from where, before and after; sealed by a hash chain, never edited."""

    at = fields.created()
    actor = models.TextField()
    address = fields.text()
    action = models.TextField()
    table_name = fields.text()
    row_id = fields.text()
    account_id = fields.number()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    note = fields.text()
    hash = models.BinaryField(null=True)

    class Meta:
        db_table = "audit_log"
        indexes = [
            models.Index(fields=("at",), name="audit_log_at"),
            models.Index(
                fields=("id",), name="audit_log_unsealed", condition=models.Q(hash__isnull=True)
            ),
        ]
