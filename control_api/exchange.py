"""What a route is given and what it gives back."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

from b2bua.clock import Clock
from b2bua.switch.supervisors import SupervisorDesk
from b2bua.tokens import Tokens
from control_api.agent_facade import AgentsFacade
from control_api.auth import Proxies
from control_api.docs_site import DocsSite
from control_api.downloads import Downloads
from control_api.event_feed import EventFeed
from control_api.facade import PromptsFacade, RecordingsFacade, SwitchFacade
from control_api.log_in_throttle import LogInThrottle
from control_api.mail.post import Post
from control_api.metrics import ApiMetrics
from control_api.passwords import Passwords
from control_api.payments.desk import PaymentDesk
from control_api.rights import Right, right_for
from control_api.settings import ApiSettings
from control_api.statement_printer import StatementPrinter
from control_api.streams.desk import StreamDesk
from control_api.totp import SecretBox
from control_api.webhooks.trials import Trials
from control_api.who import Who
from storage.agent_records import Agent
from storage.records import Scope
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Documents:
    """The API's description, rendered once, and the documentation."""

    openapi: bytes
    page: bytes
    site: DocsSite


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in takes. `box` seals second factors; None: without a master key there are none. `resets` throttles
    who asks for a new password."""

    passwords: Passwords
    throttle: LogInThrottle
    box: SecretBox | None
    resets: LogInThrottle


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
    prompts: PromptsFacade
    proxies: Proxies
    sign_in: SignIn
    feed: EventFeed
    printer: StatementPrinter
    payments: PaymentDesk | None = None
    streams: StreamDesk | None = None  # None: calls are not streamed
    post: Post | None = None
    supervisors: SupervisorDesk | None = None  # None: no browsers are met here
    trials: Trials | None = None  # None: no webhooks are sent
    agents: AgentsFacade | None = None  # None: no browsers are answered


@dataclass(slots=True)
class Exchange:
    """One request on its way: `headers` go out with whatever the reply is. `who` is None on public routes."""

    request: web.Request
    request_id: str
    headers: CIMultiDict[str]
    who: Who | None = None
    is_still_good: Callable[[], Awaitable[bool]] | None = None  # whether its key or session is: for what takes long

    @property
    def org_id(self) -> str:
        """The organisation that asks; only on routes that take a right in an organisation."""
        if self.who is None or self.who.org_id is None:
            raise LookupError("a public route has no organisation")
        return self.who.org_id

    @property
    def caller(self) -> Who:
        """Who asks; only on routes that take a right."""
        if self.who is None:
            raise LookupError("a public route has no caller")
        return self.who

    async def still_good(self) -> bool:
        """Whether a key or session that was good still is, and gives the right that was asked for."""
        return self.is_still_good is not None and await self.is_still_good()

    @property
    def agent(self) -> Agent:
        """The agent that asks; only on routes that take the right to take calls."""
        if self.who is None or self.who.agent is None:
            raise LookupError("whoever asks is no agent")
        return self.who.agent


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
    """A path of the API with what it takes to use it: a scope or a right. Without either it is public.

    `tail`: the parameter that the path ends with is all that comes, slashes too, or nothing. `beside`: what stands in
    its place in another path, which is not this one's then. `takes`: the type of a body that is not JSON; paths with
    such say it to OPTIONS.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None = None
    right: Right | None = None
    tail: bool = False
    beside: str | None = None
    takes: str | None = None

    @property
    def pattern(self) -> str:
        """The path as the router takes it."""
        if self.beside is not None:
            return self.path.removesuffix("}") + f":(?!{re.escape(self.beside)}$)[^{{}}/]+}}"
        return self.path.removesuffix("}") + ":.*}" if self.tail else self.path

    @property
    def needs(self) -> Right | None:
        """The right that it takes."""
        return right_for(self.scope, self.right)
