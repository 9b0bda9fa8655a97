"""Every endpoint that an API key opens, as a method.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.async_operations.agents import AgentsOperations
from maskbridge_client.async_operations.api_keys import ApiKeysOperations
from maskbridge_client.async_operations.calls import CallsOperations
from maskbridge_client.async_operations.operation import OperationOperations
from maskbridge_client.async_operations.organisation import OrganisationOperations
from maskbridge_client.async_operations.payments import PaymentsOperations
from maskbridge_client.async_operations.people import PeopleOperations
from maskbridge_client.async_operations.prompts import PromptsOperations
from maskbridge_client.async_operations.recordings import RecordingsOperations
from maskbridge_client.async_operations.reports import ReportsOperations
from maskbridge_client.async_operations.streams import StreamsOperations
from maskbridge_client.async_operations.supervisors import SupervisorsOperations
from maskbridge_client.async_operations.webhooks import WebhooksOperations

__all__ = ["AsyncOperations"]


class AsyncOperations(
    CallsOperations,
    RecordingsOperations,
    PromptsOperations,
    StreamsOperations,
    SupervisorsOperations,
    ReportsOperations,
    OperationOperations,
    AgentsOperations,
    PeopleOperations,
    ApiKeysOperations,
    WebhooksOperations,
    OrganisationOperations,
    PaymentsOperations,
):
    """The endpoints; how they are reached is the client's."""
