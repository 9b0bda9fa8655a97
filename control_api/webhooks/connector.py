"""Connections to servers of others' choosing: they may answer what they like, but not without end."""

import asyncio
from functools import partial
from typing import Any, Final

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

from control_api.webhooks.targets import TargetResolver

MOST_RESPONSE_BYTES: Final = 65_536  # of head and body; what upgraded a connection may send on


class BoundedConnector(TCPConnector):
    """Connects to what its resolver allows, and ends a connection that sends more than a response may have.

    Responses before the final one (1xx) are read for as long as they come, and each costs: a stream of them kept the
    whole process busy until the attempt had timed out.
    """

    def __init__(self, resolver: TargetResolver, **settings: Any) -> None:
        """To be made where the event loop runs. `settings`: a `TCPConnector`'s."""
        super().__init__(resolver=resolver, **settings)
        self._factory = partial(_bounded, asyncio.get_running_loop())


class _BoundedResponse(ResponseHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._left = MOST_RESPONSE_BYTES

    def set_response_params(self, **params: Any) -> None:
        self._left = MOST_RESPONSE_BYTES  # a request goes out
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if self.upgraded:
            super().data_received(data)
            return
        taken, rest = data[: self._left], data[self._left :]
        self._left -= len(taken)
        if taken or not data:  # nothing: what was held back is to be read
            super().data_received(taken)
        if rest:
            self._beyond(rest)

    def _beyond(self, rest: bytes) -> None:
        if self.upgraded:  # by what came right before it
            super().data_received(rest)
        elif self.transport is not None:
            self.set_exception(ClientPayloadError(f"more than {MOST_RESPONSE_BYTES} bytes of a response"))
            self.transport.abort()


def _bounded(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _BoundedResponse(loop)
