"""What a route is given and what it gives back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

from b2bua.clock import Clock
from b2bua.tokens import Tokens
from control_api.downloads import Downloads
from control_api.facade import RecordingsFacade, SwitchFacade
from control_api.metrics import ApiMetrics
from control_api.settings import ApiSettings
from storage.records import ApiKey, Scope
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Documents:
    """The API's description, rendered once."""

    openapi: bytes
    page: bytes


@dataclass(frozen=True, slots=True)
class Api:
    """Everything the routes work with."""

    settings: ApiSettings
    switch: SwitchFacade
    store: Store
    clock: Clock
    tokens: Tokens
    metrics: ApiMetrics
    downloads: Downloads
    documents: Documents
    recordings: RecordingsFacade


@dataclass(slots=True)
class Exchange:
    """One request on its way: `headers` go out with whatever the reply is. `key` is None on public routes."""

    request: web.Request
    request_id: str
    headers: CIMultiDict[str]
    key: ApiKey | None = None

    @property
    def org_id(self) -> str:
        """The organisation that asks; only on routes with a scope."""
        if self.key is None:
            raise LookupError("a public route has no organisation")
        return self.key.org_id


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: `data` as JSON text. `request_id` and `at_ms` stand in for this request's own in a replay."""

    data: str
    status: int = 200
    meta: dict[str, object] = field(default_factory=dict)
    request_id: str | None = None
    at_ms: int | None = None


Handler = Callable[[Api, Exchange], Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the API with what it takes to use it; without a scope it is public."""

    method: str
    path: str
    handler: Handler
    scope: Scope | None = None
