"""The organisation's money."""

from typing import Final

from control_api.exchange import Api, Exchange, Reply, Route
from control_api.schemas import billing_text
from storage.records import Scope


async def show_billing(api: Api, exchange: Exchange) -> Reply:
    """Balance, what of it is reserved for live calls, and what is left to spend."""
    org_id = exchange.org_id
    wallet = await api.store.read(lambda reader: reader.wallet(org_id))
    return Reply(billing_text(wallet))


ROUTES: Final = (Route("GET", "/v1/masking/billing", show_billing, Scope.BILLING_READ),)
