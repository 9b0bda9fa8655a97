"""Trunks, for operators."""

from typing import Final

from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import reply_of
from control_api.trunk_schemas import trunk_representation


async def list_trunks(api: Api, _exchange: Exchange) -> Reply:
    """Every trunk as it is now, in the order of the configuration."""
    return reply_of([trunk_representation(trunk) for trunk in api.switch.trunk_states()])


ROUTES: Final = (Route("GET", "/v1/admin/trunks", list_trunks, right=Right.OPERATE),)
