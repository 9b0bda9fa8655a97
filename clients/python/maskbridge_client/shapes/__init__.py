"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes.agents import Agent, AgentState, AgentToken
from maskbridge_client.shapes.api_keys import Empty, Key, NewKey, RotatedKey, Scope
from maskbridge_client.shapes.calls import (
    Call,
    CallEvent,
    CallEvents,
    CallStatus,
    Consent,
    EndingCall,
    HangupCause,
    HangupParty,
    Leg,
    PlacedCall,
    PromptsBody,
    StreamBody,
    Tracks,
)
from maskbridge_client.shapes.operation import Health
from maskbridge_client.shapes.organisation import AuditEntry, Organisation, Tariff
from maskbridge_client.shapes.payments import (
    Checkout,
    Invoice,
    LineKind,
    Refund,
    ShownTopUp,
    Statement,
    StatementLine,
    StatementMonth,
    TopUp,
    Transfer,
)
from maskbridge_client.shapes.people import Member, Role
from maskbridge_client.shapes.prompts import Prompt, PromptChoice
from maskbridge_client.shapes.recordings import Pause, RecordedParty, Recording, RecordingPause
from maskbridge_client.shapes.reports import Billing, Series, Stats, Step, StepView
from maskbridge_client.shapes.streams import SecretStreamEndpoint, StopReason, Stream, StreamEndpoint, StreamState
from maskbridge_client.shapes.supervisors import Changed, Joined, Mode, Supervisor, SupervisorState
from maskbridge_client.shapes.webhooks import (
    Attempt,
    Delivery,
    DeliveryDetail,
    EndpointReply,
    Replay,
    SecretWebhook,
    Trial,
    Webhook,
    WebhookEvent,
)

__all__ = [
    "Agent",
    "AgentState",
    "AgentToken",
    "Attempt",
    "AuditEntry",
    "Billing",
    "Call",
    "CallEvent",
    "CallEvents",
    "CallStatus",
    "Changed",
    "Checkout",
    "Consent",
    "Delivery",
    "DeliveryDetail",
    "Empty",
    "EndingCall",
    "EndpointReply",
    "HangupCause",
    "HangupParty",
    "Health",
    "Invoice",
    "Joined",
    "Key",
    "Leg",
    "LineKind",
    "Member",
    "Mode",
    "NewKey",
    "Organisation",
    "Pause",
    "PlacedCall",
    "Prompt",
    "PromptChoice",
    "PromptsBody",
    "RecordedParty",
    "Recording",
    "RecordingPause",
    "Refund",
    "Replay",
    "Role",
    "RotatedKey",
    "Scope",
    "SecretStreamEndpoint",
    "SecretWebhook",
    "Series",
    "ShownTopUp",
    "Statement",
    "StatementLine",
    "StatementMonth",
    "Stats",
    "Step",
    "StepView",
    "StopReason",
    "Stream",
    "StreamBody",
    "StreamEndpoint",
    "StreamState",
    "Supervisor",
    "SupervisorState",
    "Tariff",
    "TopUp",
    "Tracks",
    "Transfer",
    "Trial",
    "Webhook",
    "WebhookEvent",
]
