"""What the routes about accounts share: bodies, pages, and the words for what is not there."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from control_api.account_bodies import REQUIREMENTS, PageQuery
from control_api.account_schemas import audit_representation
from control_api.admin_bodies import ADMIN_REQUIREMENTS
from control_api.audit_schemas import AUDIT_REQUIREMENTS, AuditQuery
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply
from control_api.rendering import json_text
from control_api.request_body import read_json, read_optional_json
from control_api.routes.query import single_values
from control_api.schemas import Wire, checked, page_representation
from storage.errors import UnknownRecord
from storage.units import UnitOfWork

Shape = TypeVar("Shape", bound=Wire)
Result = TypeVar("Result")

_LAST_PAGE: Final = 10**12  # rows are counted with 64 bits below; no list is this long
_REQUIREMENTS: Final = REQUIREMENTS | ADMIN_REQUIREMENTS
EMPTY: Final = Reply("{}")


async def body_of(api: Api, exchange: Exchange, shape: type[Shape]) -> Shape:
    """The body, as it should be."""
    return checked(shape, await read_json(exchange.request, api.settings.max_body_bytes), _REQUIREMENTS)


async def optional_body_of(api: Api, exchange: Exchange, shape: type[Shape]) -> Shape:
    """The same where all of it has defaults: no body is an empty one."""
    body = await read_optional_json(exchange.request, api.settings.max_body_bytes)
    return checked(shape, {} if body is None else body, _REQUIREMENTS)


def page_of(exchange: Exchange) -> PageQuery:
    """Which page is wanted."""
    query = single_values(exchange.request.query, PageQuery.model_fields)
    wanted = checked(PageQuery, query, _REQUIREMENTS)
    return wanted.model_copy(update={"page": min(wanted.page, _LAST_PAGE)})


async def changes_page(api: Api, exchange: Exchange, org_id: str | None) -> Reply:
    """A page of an organisation's audit log, of everybody's with None, newest first."""
    query = single_values(exchange.request.query, AuditQuery.model_fields)
    wanted = checked(AuditQuery, query, _REQUIREMENTS | AUDIT_REQUIREMENTS)
    wanted, wish = wanted.model_copy(update={"page": min(wanted.page, _LAST_PAGE)}), wanted.wish()
    entries, total = await api.store.read(lambda reader: reader.audit(org_id, wanted.page, wanted.page_size, wish))
    return page_reply([audit_representation(entry) for entry in entries], total, wanted)


def page_reply(rows: list[dict[str, object]], total: int, wanted: PageQuery) -> Reply:
    """A page of a list."""
    return Reply(json_text(rows), meta=page_representation(total, wanted.page, wanted.page_size))


def reply_of(data: Mapping[str, object] | list[dict[str, object]], status: int = 200) -> Reply:
    """A success."""
    return Reply(json_text(data), status=status)


async def written(api: Api, work: Callable[[UnitOfWork], Result], missing: str) -> Result:
    """Carry out a unit of work; what it does not find is told in the words of `missing`."""
    try:
        return await api.store.run(work)
    except UnknownRecord:
        raise NotFound(missing) from None
