"""A typed client of the maskbridge number-masking API."""

from maskbridge_client.async_client import AsyncMaskbridge
from maskbridge_client.errors import MaskbridgeError, Refused, UnexpectedReply, Unreachable
from maskbridge_client.sync_client import Maskbridge
from maskbridge_client.wire import UNSET, Event, Page

__all__ = [
    "UNSET",
    "AsyncMaskbridge",
    "Event",
    "Maskbridge",
    "MaskbridgeError",
    "Page",
    "Refused",
    "UnexpectedReply",
    "Unreachable",
]
