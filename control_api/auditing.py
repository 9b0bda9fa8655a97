"""What the audit log is told of a request. The entry is written in the unit of work that makes the change."""

from collections.abc import Mapping

from control_api.exchange import Api, Exchange
from control_api.who import Who
from storage.person_records import AuditEntry


def client_address(api: Api, exchange: Exchange) -> str:
    """The address a request comes from, as text; empty when it is unknown."""
    request = exchange.request
    address = api.proxies.client_address(request.remote, request.headers.getall("X-Forwarded-For", ()))
    return "" if address is None else str(address)


def audit_entry(
    api: Api,
    exchange: Exchange,
    action: str,
    object_id: str,
    change: Mapping[str, object] | None = None,
    *,
    org_id: str | None = None,
    who: Who | None = None,
) -> AuditEntry:
    """A change by whoever asks, in the organisation they look at unless another is given."""
    caller = exchange.who if who is None else who
    if caller is None:
        caller = Who(None, frozenset())
    return AuditEntry(
        at=api.clock.wall_ms(),
        actor=caller.actor(client_address(api, exchange)),
        org_id=caller.org_id if org_id is None else org_id,
        action=action,
        object_id=object_id,
        change=change or {},
    )
