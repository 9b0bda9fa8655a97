"""The edge that every request passes: its id, who asks, how often, and that every refusal is told in JSON."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPMethod
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from control_api.agent_ring import AgentRing
from control_api.auth import Caller, KeyRing
from control_api.errors import (
    CRASH,
    ERRORS,
    ErrorReply,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unauthorized,
    error_reply,
)
from control_api.event_streams import EVENT_STREAM
from control_api.exchange import Api, Exchange, Route
from control_api.rate_limit import RateLimiter
from control_api.redaction import number_free_logger
from control_api.rendering import render_error, render_success
from control_api.request_body import has_left
from control_api.rights import Right, scope_for
from control_api.session_ring import CSRF_HEADER, SessionRing, check_csrf, cookie_name
from control_api.who import Who
from storage.errors import StoreUnavailable

SERVER_NAME: Final = "maskbridge"
SESSION_RATE_PER_MINUTE: Final = 600  # somebody who clicks, and pages that look again by themselves
IDENTIFY_S: Final = 5.0
"""Who asks is to be known by then: what is asked for is not begun once its client has given up, or asked again."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SAFE_METHODS: Final = ("GET", "HEAD")  # RFC 9110 section 9.2.1: they change nothing
_KNOWN_METHODS: Final = frozenset(HTTPMethod)
_EXPECTED: Final = tuple(ERRORS)
_EXPOSED_HEADERS: Final = (
    "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Location, ETag, Link, X-Media-Id"
)
_PREFLIGHT_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, If-Match, X-CSRF-Token, X-Request-Id"
_PREFLIGHT_LIFE_S: Final = "600"
_UNMATCHED: Final = "unmatched"
# What OPTIONS tells of bodies that are taken (Linked Data Platform section 7.1; RFC 5789 section 3.1).
_ACCEPTS: Final = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}


class Boundary:
    """Wraps the routes. Order of checks: who, how often, from where and whether it may, then what the route checks."""

    def __init__(self, api: Api, keys: KeyRing, sessions: SessionRing, limiter: RateLimiter) -> None:
        self._api = api
        self._keys = keys
        self._agents = AgentRing(api.store, api.clock)
        self._sessions = sessions
        self._cookie = cookie_name(api.settings)
        self._limiter = limiter
        self._origins = frozenset(api.settings.cors_origins)
        self._log = number_free_logger(__name__)

    def endpoint(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of a route."""
        needs = route.needs

        async def handle(request: web.Request) -> web.StreamResponse:
            started_at = self._api.clock.monotonic()
            exchange = self._open(request)
            response = await self._answer(route, needs, exchange)
            if response.content_type != EVENT_STREAM:  # how long one was listened to is no latency
                self._observe(route.path, request, response, started_at)
            return response

        return handle

    def options(self, routes: Sequence[Route]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of OPTIONS for the routes of one path: which methods there are and what they take, and
        the answer to a CORS preflight."""
        allowed = tuple(sorted(route.method for route in routes))
        accepts = {_ACCEPTS[route.method]: route.takes for route in routes if route.takes is not None}

        async def tell(request: web.Request) -> web.StreamResponse:
            started_at = self._api.clock.monotonic()
            exchange = self._open(request)
            exchange.headers.update(accepts, Allow=", ".join((*allowed, "OPTIONS")))
            if self._is_preflight(request):
                response = self._preflight(exchange, allowed)
            else:
                response = web.Response(headers=exchange.headers)
            self._observe(routes[0].path, request, response, started_at)
            return response

        return tell

    def miss(self, request: web.Request, allowed: tuple[str, ...]) -> web.StreamResponse:
        """The answer where no route fits: a CORS preflight, 405 for a path with other methods, 404."""
        started_at = self._api.clock.monotonic()
        exchange = self._open(request)
        if allowed and request.method == "OPTIONS" and self._is_preflight(request):
            response = self._preflight(exchange, allowed)
        else:
            error = MethodNotAllowed(allowed) if allowed else NotFound("There is nothing at this path.")
            response = render_error(error_reply(error) or CRASH, exchange.headers)
        self._observe(_UNMATCHED, request, response, started_at)
        return response

    def refusal(self, request: web.BaseRequest, error: ErrorReply) -> web.Response:
        """An error in JSON for a request that never came to a route."""
        return render_error(error, self._headers(request, self._id_of(request)))

    def count_refusal(self, request: web.BaseRequest, response: web.StreamResponse, started_at: float) -> None:
        """One request answered that never came to a route."""
        self._observe(_UNMATCHED, request, response, started_at)

    async def _answer(self, route: Route, needs: Right | None, exchange: Exchange) -> web.StreamResponse:
        try:
            if needs is not None:
                await self._admit(needs, exchange)
            outcome = await route.handler(self._api, exchange)
            if isinstance(outcome, web.StreamResponse):
                return outcome
            return render_success(exchange, outcome, self._api.clock.wall_ms())
        except _EXPECTED as refusal:
            return render_error(error_reply(refusal) or CRASH, exchange.headers)
        except Exception as crash:
            if exchange.request.writer.output_size > 0:
                raise  # a reply is under way already: the connection breaks off
            if isinstance(crash, ConnectionError) and has_left(exchange.request):
                return render_error(CRASH, exchange.headers)  # nobody will read it, and there is no defect to report
            self._log.exception("request %s to %s crashed", exchange.request_id, route.path, exc_info=crash)
            return render_error(CRASH, exchange.headers)

    async def _admit(self, right: Right, exchange: Exchange) -> None:
        """Who it is, whether it may ask now, and whether it may do this from where it is."""
        request = exchange.request
        try:
            async with asyncio.timeout(IDENTIFY_S):
                caller, who, limit = await self._identify(request)
        except TimeoutError as error:
            raise StoreUnavailable("it was busy for too long") from error
        self._take(who, limit, exchange)
        if caller is not None and caller.networks:
            forwarded_for = request.headers.getall("X-Forwarded-For", ())
            caller.check_address(self._api.proxies.client_address(request.remote, forwarded_for))
        if who.session is not None and request.method not in _SAFE_METHODS:
            check_csrf(who.session, request.headers.getall(CSRF_HEADER, ()))
        if right not in who.rights:
            raise Forbidden(_refused(right, who))
        exchange.who = who
        exchange.is_still_good = partial(self._is_still_good, right, exchange)

    async def _identify(self, request: web.Request) -> tuple[Caller | None, Who, int | None]:
        """Who it is by key (the first of the three), by session or as an agent, and how often it may ask. Raises
        Unauthorized."""
        authorization = request.headers.getall("Authorization", ())
        token = None if authorization else request.cookies.get(self._cookie)
        if token is not None:
            return None, await self._sessions.authenticate(token), SESSION_RATE_PER_MINUTE
        if self._agents.takes(authorization):
            return None, await self._agents.authenticate(authorization), SESSION_RATE_PER_MINUTE
        caller = await self._keys.authenticate(authorization)
        return caller, caller.who, caller.key.rate_limit_per_minute

    async def _is_still_good(self, right: Right, exchange: Exchange) -> bool:
        """Whether a key or session that was good when a long reply began still is; what it may do is as it is now."""
        try:
            _caller, who, _limit = await self._identify(exchange.request)
        except Unauthorized:
            return False
        if right not in who.rights or who.org_id != exchange.org_id:
            return False
        exchange.who = who
        return True

    def _take(self, who: Who, limit: int | None, exchange: Exchange) -> None:
        """Take a request from the caller's bucket. Raises RateLimited."""
        allowance = self._limiter.take(who.bucket, self._api.clock.monotonic(), limit)
        headers = exchange.headers
        headers["RateLimit-Limit"] = str(allowance.limit)
        headers["RateLimit-Remaining"] = str(allowance.remaining)
        headers["RateLimit-Reset"] = str(allowance.reset_s)
        if not allowance.allowed:
            raise RateLimited(allowance.retry_after_s)

    def _open(self, request: web.Request) -> Exchange:
        request_id = self._id_of(request)
        return Exchange(request, request_id, self._headers(request, request_id))

    def _id_of(self, request: web.BaseRequest) -> str:
        """The request's own id where it is sane, else a new one."""
        given = request.headers.get("X-Request-Id")
        return given if given is not None and _REQUEST_ID.fullmatch(given) else self._api.tokens.hex(32)

    def _headers(self, request: web.BaseRequest, request_id: str) -> CIMultiDict[str]:
        """What every reply carries."""
        headers = CIMultiDict(
            {
                "X-Request-Id": request_id,
                "Server": SERVER_NAME,
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            }
        )
        if self._origins:
            headers["Vary"] = "Origin"
            origin = request.headers.get("Origin")
            if origin in self._origins and origin is not None:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        return headers

    def _is_preflight(self, request: web.Request) -> bool:
        headers = request.headers
        return headers.get("Origin") in self._origins and "Access-Control-Request-Method" in headers

    def _preflight(self, exchange: Exchange, allowed: tuple[str, ...]) -> web.Response:
        headers = exchange.headers
        headers["Access-Control-Allow-Methods"] = ", ".join(allowed)
        headers["Access-Control-Allow-Headers"] = _PREFLIGHT_HEADERS
        headers["Access-Control-Max-Age"] = _PREFLIGHT_LIFE_S
        headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        return web.Response(status=204, headers=headers)

    def _observe(self, path: str, request: web.BaseRequest, response: web.StreamResponse, started_at: float) -> None:
        method = request.method if request.method in _KNOWN_METHODS else "other"
        seconds = self._api.clock.monotonic() - started_at
        self._api.metrics.observe(path, method, response.status, seconds)


def _refused(right: Right, who: Who) -> str:
    """Why somebody whose key or session is good may not do this."""
    scope = scope_for(right)
    if right is Right.TAKE_CALLS:
        return "This takes an agent's token, or the session of somebody who is an agent."
    if who.key is None and who.person is None:
        return "An agent's token is good for the agent's own calls alone."
    if who.key is None:
        return "Your role does not allow this."
    if scope is None:
        return "No API key may do this: please sign in."
    return f"This API key does not have the scope {scope.value}."
