"""What the operations leave to the client.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from maskbridge_client.wire import Reply, Request

T = TypeVar("T")


class Sending(ABC):
    """How endpoints are reached."""

    @abstractmethod
    async def _send(self, request: Request, read: Callable[[Reply], T]) -> T:
        """Send it, and read what comes back."""

    @abstractmethod
    def _new_key(self) -> str:
        """A key that makes a request repeatable."""
