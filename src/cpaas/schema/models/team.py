"""Invitations to an account's team; who took one is a person of `accounts.User`."""

from django.db import models

from cpaas.schema import fields
from cpaas.schema.models.accounts import Account


class TeamInvitation(models.Model):
    """A link by which one person joins an account; stored by its digest, used once."""

    account = models.ForeignKey(Account, models.CASCADE)
    email = models.TextField()
    member_role = models.TextField()
    digest = models.BinaryField(unique=True)
    invited_by = fields.text()
    created_at = fields.created()
    expires_at = models.DateTimeField()
    accepted_at = fields.moment()
    revoked_at = fields.moment()

    class Meta:
        db_table = "team_invitation"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    member_role__in=("owner", "developer", "marketer", "finance", "viewer")
                ),
                name="team_invitation_role",
            ),
        ]
        indexes = [models.Index(fields=("account", "id"), name="team_invitation_account")]
