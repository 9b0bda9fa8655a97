"""The call in a path, and whether whoever asks may see it."""

import re
from typing import Final

from control_api.errors import NotFound
from control_api.exchange import Api, Exchange

_CALL_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def call_id_of(exchange: Exchange) -> str:
    """The call id in the path. Raises NotFound for what can be none."""
    text = exchange.request.match_info["call_sid"]
    if not _CALL_ID.fullmatch(text):
        raise NotFound("No such call.")
    return text.lower()


async def check_seen(api: Api, exchange: Exchange, call_id: str) -> None:
    """Raises NotFound where whoever asks may see test calls alone, and this is none."""
    if not exchange.caller.tests_only:
        return
    org_id = exchange.org_id
    record = await api.store.read(lambda reader: reader.call(org_id, call_id))
    if record is None or not record.test:
        raise NotFound("No such call.")
