"""The API as an aiohttp application, and the server that runs it."""

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from b2bua.clock import Clock
from b2bua.switch.supervisors import SupervisorDesk
from b2bua.tokens import Tokens
from control_api.agent_facade import AgentsFacade
from control_api.auth import KeyRing, Proxies
from control_api.boundary import Boundary
from control_api.browser import BrowserClient
from control_api.docs_page import render_docs
from control_api.docs_site import load_site
from control_api.downloads import Downloads
from control_api.event_feed import EventFeed
from control_api.exchange import Api, Documents, Route, SignIn
from control_api.facade import PromptsFacade, RecordingsFacade, SwitchFacade
from control_api.http_listener import HttpListener, bind_http
from control_api.http_protocol import HttpProtocol
from control_api.log_in_throttle import LogInThrottle, reset_throttle
from control_api.mail.post import Post
from control_api.metrics import ApiMetrics, Facts, Figures
from control_api.openapi import build_openapi
from control_api.passwords import Passwords
from control_api.payments.desk import PaymentDesk
from control_api.rate_limit import RateLimiter
from control_api.redaction import number_free_logger
from control_api.routes import (
    admin_organisations,
    admin_people,
    admin_trunks,
    agents,
    billing,
    call_events,
    call_logs,
    calls,
    credit_notes,
    documents,
    health,
    keys,
    organisation,
    own_agent,
    own_sign_in,
    password_resets,
    people,
    refunds,
    sign_in,
    statements,
    stats,
    webhook_endpoints,
)
from control_api.routes import (
    payments as payment_routes,
)
from control_api.routes import prompts as prompt_routes
from control_api.routes import recordings as recording_routes
from control_api.routes import streams as stream_routes
from control_api.routes import supervisors as supervisor_routes
from control_api.session_ring import SessionRing
from control_api.settings import ApiSettings
from control_api.statement_printer import StatementPrinter
from control_api.streams.desk import StreamDesk
from control_api.totp import SecretBox
from control_api.webhooks.trials import Trials
from storage.store import Store

if TYPE_CHECKING:
    from control_api.portal.mount import Portal

ROUTES: Final[tuple[Route, ...]] = (
    *calls.ROUTES,
    *call_events.ROUTES,
    *call_logs.ROUTES,
    *stats.ROUTES,
    *billing.ROUTES,
    *recording_routes.ROUTES,
    *prompt_routes.ROUTES,
    *agents.ROUTES,
    *own_agent.ROUTES,
    *stream_routes.ROUTES,
    *supervisor_routes.ROUTES,
    *health.ROUTES,
    *documents.ROUTES,
    *sign_in.ROUTES,
    *own_sign_in.ROUTES,
    *password_resets.ROUTES,
    *people.ROUTES,
    *keys.ROUTES,
    *webhook_endpoints.ROUTES,
    *organisation.ROUTES,
    *payment_routes.ROUTES,
    *refunds.ROUTES,
    *credit_notes.ROUTES,
    *statements.ROUTES,
    *admin_organisations.ROUTES,
    *admin_people.ROUTES,
    *admin_trunks.ROUTES,
)
BOUNDARY: Final = web.AppKey("boundary", Boundary)
SHUTDOWN_GRACE_S: Final = 5.0
KEEP_ALIVE_S: Final = 75.0

_NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(
    *,
    settings: ApiSettings,
    switch: SwitchFacade,
    recordings: RecordingsFacade,
    prompts: PromptsFacade,
    store: Store,
    clock: Clock,
    tokens: Tokens,
    figures: Sequence[Figures] = (),
    passwords: Passwords | None = None,
    box: SecretBox | None = None,
    feed: EventFeed | None = None,
    facts: Facts | None = None,
    payments: PaymentDesk | None = None,
    streams: StreamDesk | None = None,
    post: Post | None = None,
    supervisors: SupervisorDesk | None = None,
    agents: AgentsFacade | None = None,
    trials: Trials | None = None,
) -> web.Application:
    """The application with every route behind the one boundary. `figures`: what /metrics tells beside the switch's,
    `facts` what it tells that never changes.

    `box` seals second factors; without it there are none. `feed`: what event streams are fed by, where somebody else
    wakes it.
    """
    feed = feed or EventFeed(store, settings.streams_per_key)
    api = Api(
        settings=settings,
        switch=switch,
        store=store,
        clock=clock,
        tokens=tokens,
        metrics=ApiMetrics(switch, (*figures, feed.counters, *_counters_of(streams, agents, supervisors)), facts),
        downloads=Downloads(),
        documents=_documents(settings.public_url, settings.version),
        recordings=recordings,
        prompts=prompts,
        proxies=Proxies(settings.trusted_proxies),
        sign_in=SignIn(passwords or Passwords(), LogInThrottle(), box, reset_throttle()),
        feed=feed,
        printer=StatementPrinter(),
        payments=payments,
        streams=streams,
        post=post,
        supervisors=supervisors,
        agents=agents,
        trials=trials,
    )
    return _application(api)


def _application(api: Api) -> web.Application:
    # The templates' library is loaded by who serves pages alone.
    from control_api.portal.mount import new_portal

    settings, keys = api.settings, KeyRing(api.store, api.clock)
    sessions = SessionRing(api.store, api.clock, settings.session_idle_s)
    boundary = Boundary(api, keys, sessions, RateLimiter(settings.rate_limit_per_minute))
    portal = new_portal(api)
    app = web.Application(middlewares=[_answering_misses(boundary, portal)], logger=_server_log())
    app[BOUNDARY] = boundary
    app.on_shutdown.append(lambda _app: _end_streams(api.feed, api.agents))
    app.on_cleanup.append(lambda _app: _end_printing(api.printer))
    _add_routes(app, boundary)
    portal.add_to(app)
    return app


def _counters_of(*desks: StreamDesk | AgentsFacade | SupervisorDesk | None) -> tuple[Figures, ...]:
    """What /metrics tells of what is there in some processes alone."""
    return tuple(each.counters for each in desks if each is not None)


async def _end_printing(printer: StatementPrinter) -> None:
    """No process is left behind."""
    printer.close()


async def _end_streams(feed: EventFeed, agents: AgentsFacade | None) -> None:
    """Streams would keep the server from stopping for as long as it waits for requests under way."""
    if agents is not None:
        agents.let_pages_go()
    await feed.close()


def _answering_misses(boundary: Boundary, portal: "Portal") -> Middleware:
    """What is said where there is no route."""

    @web.middleware
    async def answer_misses(request: web.Request, handler: _NextHandler) -> web.StreamResponse:
        miss = request.match_info.http_exception
        if miss is None:
            return await handler(request)
        allowed = tuple(sorted(miss.allowed_methods)) if isinstance(miss, web.HTTPMethodNotAllowed) else ()
        return await portal.miss(request, allowed) if portal.has(request.path) else boundary.miss(request, allowed)

    return answer_misses


def _add_routes(app: web.Application, boundary: Boundary) -> None:
    for route in (*ROUTES, *documents.PAGES):
        handle = boundary.endpoint(route)
        app.router.add_route(route.method, route.pattern, handle)
        if route.method == hdrs.METH_GET:
            app.router.add_route(hdrs.METH_HEAD, route.pattern, handle)
    for path in dict.fromkeys(route.path for route in ROUTES if route.takes is not None):
        app.router.add_route(hdrs.METH_OPTIONS, path, boundary.options([each for each in ROUTES if each.path == path]))
    BrowserClient().add_to(app)


@lru_cache(maxsize=1)
def _documents(public_url: str, version: str) -> Documents:
    """What `/v1/openapi.json` and `/docs` show: the same for every application of a process, and dear to make."""
    document = build_openapi(public_url, version)
    site = load_site()
    page = render_docs(document, has_site=bool(site.files))
    return Documents(json.dumps(document).encode("ascii"), page.encode(), site)


class ApiServer:
    """A listening API."""

    def __init__(self, runner: web.AppRunner, listener: HttpListener) -> None:
        self._runner = runner
        self._listener = listener

    @property
    def port(self) -> int:
        """The port that is listened on; the kernel's choice where 0 was asked for."""
        return int(self._listener.sockets[0].getsockname()[1])

    def renew(self, context: ssl.SSLContext) -> None:
        """Show another certificate from now on; only where there is one."""
        self._listener.renew(context)

    async def close(self) -> None:
        """Accept nothing more, let requests under way finish for `SHUTDOWN_GRACE_S`, then close the connections."""
        self._listener.close()
        await self._runner.cleanup()


async def start_api(app: web.Application, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> ApiServer:
    """Listen. Raises OSError when the address cannot be had."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_GRACE_S)
    await runner.setup()
    loop = asyncio.get_running_loop()
    accepted = runner.server
    if accepted is None:
        raise RuntimeError("the runner was set up without a server")

    async def methods_at(request: web.BaseRequest) -> tuple[str, ...]:
        # The router looks at the path and the method, which what could not be parsed was given.
        miss = (await app.router.resolve(cast("web.Request", request))).http_exception
        return tuple(sorted(miss.allowed_methods)) if isinstance(miss, web.HTTPMethodNotAllowed) else ()

    def protocol(gone: Callable[[HttpProtocol], None]) -> HttpProtocol:
        return HttpProtocol(accepted, app[BOUNDARY], methods_at, loop, KEEP_ALIVE_S, _server_log(), gone)

    try:
        sockets = await bind_http(host, port)
    except OSError:
        await runner.cleanup()
        raise
    return ApiServer(runner, HttpListener(sockets, protocol, ssl_context, _server_log()))


def _server_log() -> logging.Logger:
    return number_free_logger("control_api.http")
