"""Every table of the platform, one module per noun."""

from cpaas.schema.models.accounts import (
    Account,
    AdminKey,
    ApiKey,
    AssignedRoute,
    SmppCredential,
    TwilioCredential,
    User,
)
from cpaas.schema.models.alerts import Alert, Notice
from cpaas.schema.models.billing import (
    AccountStatement,
    LedgerDay,
    LedgerEntry,
    LedgerFold,
    Price,
    Wallet,
)
from cpaas.schema.models.blobs import Blob, BlobChunk, ExportJob
from cpaas.schema.models.campaigns import (
    Campaign,
    CampaignBatch,
    CampaignCounter,
    CampaignError,
    CampaignFault,
    CampaignHalt,
    CampaignRow,
)
from cpaas.schema.models.consoles import AdminSession, PortalSession, SavedView, SecondFactor
from cpaas.schema.models.identities import (
    Conversation,
    Identity,
    IdentityAccount,
    MediaFile,
    MediaUpload,
)
from cpaas.schema.models.inbound import InboundKeyword, InboundNumber, InboundPart
from cpaas.schema.models.invoices import (
    BillingDetails,
    Invoice,
    InvoiceSeries,
    TopUpRequest,
)
from cpaas.schema.models.messages import (
    HeldMessage,
    InboundMessage,
    Message,
    MessageEvent,
    MessagePart,
    ProviderId,
    UnmatchedReceipt,
)
from cpaas.schema.models.operations import (
    AuditLog,
    ConfigVersion,
    PlatformSetting,
    RouteLease,
    RouteState,
    ServiceInstance,
    ServiceState,
)
from cpaas.schema.models.quality import RouteQuality, StrategyChange
from cpaas.schema.models.reports import (
    CounterAccountDay,
    CounterDay,
    CounterError,
    CounterErrorHour,
    CounterHour,
    CounterInstanceDay,
    CounterPlatformMinute,
)
from cpaas.schema.models.routing import (
    BlacklistEntry,
    DltTemplate,
    Route,
    RouteCost,
    RoutingRule,
    Sender,
    Strategy,
    StrategyMember,
)
from cpaas.schema.models.smpp import SmppBind, SmppPart, SmppReceipt
from cpaas.schema.models.team import TeamInvitation
from cpaas.schema.models.templates import Template, TemplateEvent, TemplateVersion
from cpaas.schema.models.traffic import (
    CounterMinute,
    DeadLetter,
    IdempotencyKey,
    QueueItem,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "Account",
    "AccountStatement",
    "AdminKey",
    "Alert",
    "ApiKey",
    "AssignedRoute",
    "AuditLog",
    "BlacklistEntry",
    "Blob",
    "BlobChunk",
    "ConfigVersion",
    "CounterAccountDay",
    "CounterDay",
    "CounterError",
    "CounterErrorHour",
    "CounterHour",
    "CounterInstanceDay",
    "CounterMinute",
    "CounterPlatformMinute",
    "DeadLetter",
    "DltTemplate",
    "ExportJob",
    "HeldMessage",
    "IdempotencyKey",
    "InboundKeyword",
    "InboundMessage",
    "InboundNumber",
    "InboundPart",
    "LedgerDay",
    "LedgerEntry",
    "LedgerFold",
    "Message",
    "MessageEvent",
    "MessagePart",
    "Notice",
    "PlatformSetting",
    "Price",
    "ProviderId",
    "QueueItem",
    "Route",
    "RouteCost",
    "RouteLease",
    "RouteQuality",
    "RouteState",
    "RoutingRule",
    "Sender",
    "ServiceInstance",
    "ServiceState",
    "SmppBind",
    "SmppCredential",
    "SmppPart",
    "SmppReceipt",
    "Strategy",
    "StrategyChange",
    "StrategyMember",
    "TwilioCredential",
    "UnmatchedReceipt",
    "User",
    "Wallet",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]  # fmt: skip
__all__ += ["AdminSession", "PortalSession", "SavedView", "SecondFactor"]
__all__ += [
    "Campaign", "CampaignBatch", "CampaignCounter", "CampaignError", "CampaignFault",
    "CampaignHalt", "CampaignRow",
]  # fmt: skip
__all__ += ["Conversation", "Identity", "IdentityAccount", "MediaFile", "MediaUpload"]
__all__ += ["BillingDetails", "Invoice", "InvoiceSeries", "TeamInvitation", "TopUpRequest"]
__all__ += ["Template", "TemplateEvent", "TemplateVersion"]
