"""The edge that every page passes: who asks, that its forms are its own, what browsers may do with it, its refusals."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy
from yarl import URL

from control_api.errors import CRASH, ApiError, ErrorReply, Forbidden, MethodNotAllowed, NotFound, NotReady, error_reply
from control_api.metrics import ApiMetrics
from control_api.portal.flashes import FLASH_COOKIE, drop_flash
from control_api.portal.frame import CSRF_FIELD, PLACE_FIELD, SIGN_IN, Me, Page, PageRoute, Site
from control_api.portal.rest import Refused, Rest
from control_api.redaction import number_free_logger
from control_api.request_body import MAX_WAV_BYTES, read_form, read_upload

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'{provider}; base-uri 'none'; frame-ancestors 'none'"
)
_RAZORPAY: Final = "razorpay.com"
CONTENT_SECURITY_POLICY: Final = _POLICY.format(provider="")
MOST_UPLOADS: Final = 4  # at once, each of them up to 16 MiB in memory
_OTHER_SITE: Final = "This form was not sent from one of our own pages. Please open the page and try again."
_STALE_FORM: Final = "This form is not valid any more. Please open the page and try again."
_OTHER_PLACE: Final = (
    "You look at another organisation by now than when this form was opened, and nothing was changed. "
    "Please open the page again."
)
_NOT_YOURS: Final = "Your role does not allow this."


def checkout_security_policy(checkout_url: str) -> str:
    """That of a page whose form leads to the payment provider, and to where that leads on within its own."""
    url = URL(checkout_url)
    host = url.host or ""
    own = f" https://*.{_RAZORPAY}" if host == _RAZORPAY or host.endswith(f".{_RAZORPAY}") else ""
    return _POLICY.format(provider=f" {url.origin()}{own}")


class Door:
    """Wraps the pages. Order of checks: who, that a form is one of their pages', their rights, the page's own."""

    def __init__(self, site: Site, metrics: ApiMetrics) -> None:
        self._site = site
        self._metrics = metrics
        self._uploads = 0
        self._log = number_free_logger(__name__)
        url = site.checkout_url
        self._checkout_policy = CONTENT_SECURITY_POLICY if url is None else checkout_security_policy(url)

    def page(self, route: PageRoute) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of a page."""

        async def handle(request: web.Request) -> web.StreamResponse:
            started_at = self._site.clock.monotonic()
            page = Page(self._site, request, Rest(request))
            response = await self._answer(route, page)
            self._harden(request, response, self._checkout_policy if route.razorpay else CONTENT_SECURITY_POLICY)
            self._metrics.observe(route.path, route.method, response.status, self._site.clock.monotonic() - started_at)
            return response

        return handle

    async def miss(self, request: web.Request, allowed: Sequence[str]) -> web.StreamResponse:
        """The answer where there is no page at a path, or not for this method."""
        error = MethodNotAllowed(tuple(allowed)) if allowed else NotFound("There is no page at this address.")
        page = Page(self._site, request, Rest(request))
        try:
            await _identify(page)
        except Refused:
            page.me = None  # whoever is not signed in is told the same
        response = _error_page(page, error_reply(error) or CRASH)
        self._harden(request, response, CONTENT_SECURITY_POLICY)
        return response

    async def _answer(self, route: PageRoute, page: Page) -> web.Response:
        try:
            if route.right is not None:
                await _identify(page)
            if page.request.method == hdrs.METH_POST:
                await self._take_form(page, route)
            if route.right is not None and not page.may(route.right):
                raise Forbidden(_NOT_YOURS)
            return await route.handler(page)
        except Refused as refused:
            return _refusal(page, refused.reply)
        except ApiError as error:
            return _refusal(page, error_reply(error) or CRASH)
        except Exception as crash:
            if page.request.writer.output_size > 0:
                raise  # a reply is under way already: the connection breaks off
            self._log.exception("the page %s crashed", route.path, exc_info=crash)
            return _error_page(page, CRASH)

    async def _take_form(self, page: Page, route: PageRoute) -> None:
        """Read the form. Raises Forbidden unless it is from a page of ours and of this session, or `foreign`, and about
        the organisation that is looked at: all tabs of a browser look at the one that was chosen last in any of them.
        """
        if not route.foreign and not self._is_own(page.request):
            raise Forbidden(_OTHER_SITE)
        form = await self._uploaded(page, route) if route.upload else await self._sent(page)
        tokens = form.popall(CSRF_FIELD, [])
        if page.me is not None and tokens != [page.me.csrf_token]:
            raise Forbidden(_STALE_FORM)
        places = form.popall(PLACE_FIELD, [])
        if page.me is not None and not route.anywhere and not set(places) <= {page.me.org_id or ""}:
            raise Forbidden(_OTHER_PLACE)
        page.form = MultiDictProxy(form)

    async def _sent(self, page: Page) -> MultiDict[str]:
        return await read_form(page.request, self._site.settings.max_body_bytes)

    async def _uploaded(self, page: Page, route: PageRoute) -> MultiDict[str]:
        """The form with its file, for those who may. Raises Forbidden, NotReady when too many are being read."""
        if route.right is not None and not page.may(route.right):
            raise Forbidden(_NOT_YOURS)
        if self._uploads >= MOST_UPLOADS:
            raise NotReady("Too many files are being uploaded. Please try again.", retry_after_s=5)
        self._uploads += 1
        try:
            form, page.file = await read_upload(page.request, MAX_WAV_BYTES)
        finally:
            self._uploads -= 1
        return form

    def _is_own(self, request: web.Request) -> bool:
        """Whether a form comes from our own origin, as far as the browser tells (RFC 6454 section 7)."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return True
        return origin == str(URL(self._site.settings.public_url).origin()) or origin.partition("://")[2] == request.host

    def _harden(self, request: web.Request, response: web.Response, policy: str) -> None:
        headers = response.headers
        headers["Content-Security-Policy"] = policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"  # without any, browsers would send a form's Origin as null
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cache-Control"] = "no-store"
        headers["Server"] = "maskbridge"
        said = response.status < 300 and not request.headers.get("HX-Request")
        if said and FLASH_COOKIE in request.cookies and FLASH_COOKIE not in response.cookies:
            drop_flash(response)


async def _identify(page: Page) -> None:
    """Ask the API who is signed in. Raises Refused."""
    page.me = Me.told((await page.rest.get("/v1/account/me")).data)
    page.rest.csrf_token = page.me.csrf_token


def _refusal(page: Page, error: ErrorReply) -> web.Response:
    """To the sign-in where that is what is missing, else a page that says what is wrong."""
    if error.status == 401 and page.request.path != SIGN_IN:
        asked = page.request.method == hdrs.METH_GET and not page.wants_part
        way_back = {"next": page.request.path_qs} if asked and page.request.path != "/portal" else {}
        return page.redirect(str(URL(SIGN_IN).with_query(way_back)))
    return _error_page(page, error)


def _error_page(page: Page, error: ErrorReply) -> web.Response:
    template = "error_part.html" if page.wants_part else "error.html"
    response = page.render(template, error.status, error=error)
    response.headers.extend(error.headers)
    return response
