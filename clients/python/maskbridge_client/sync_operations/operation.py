"""Endpoints: Operation.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import Health
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import Request, one_of


class OperationOperations(Sending):
    """Operation."""

    def show_health(self) -> Health:
        """Whether the process lives.

        Answers as long as it does.
        """
        return self._send(Request("GET", "/healthz"), one_of(Health))

    def show_readiness(self) -> Health:
        """Whether calls are taken.

        200 once all listeners are up; 503 before that and while draining.
        """
        return self._send(Request("GET", "/readyz"), one_of(Health))
