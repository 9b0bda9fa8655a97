"""What a page is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy

from b2bua.clock import Clock
from b2bua.tokens import Tokens
from control_api.errors import ErrorReply
from control_api.portal.flashes import flash_of, set_flash
from control_api.portal.navigation import navigation_for
from control_api.portal.rest import Rest
from control_api.portal.templating import Templating
from control_api.rights import Right
from control_api.settings import ApiSettings

HTML_TYPE: Final = "text/html"
CSRF_FIELD: Final = "csrf_token"
PLACE_FIELD: Final = "opened_at"  # the organisation that was looked at when a form was shown
HOME: Final = "/portal"
SIGN_IN: Final = "/portal/sign-in"
_NO_FORM: Final[MultiDictProxy[str]] = MultiDictProxy(MultiDict())


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share. `checkout_url`: the payment provider's page; None where no payments are taken."""

    templating: Templating
    settings: ApiSettings
    clock: Clock
    tokens: Tokens
    checkout_url: str | None
    sends_mail: bool


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in, as `GET /v1/account/me` tells it."""

    person: Mapping[str, Any]
    org_id: str | None
    role: str | None
    organisations: tuple[Mapping[str, Any], ...]
    rights: frozenset[str]
    csrf_token: str

    @classmethod
    def told(cls, told: Mapping[str, Any]) -> "Me":
        """From the API's reply."""
        return cls(
            told["person"],
            told["org_id"],
            told["role"],
            tuple(told["organisations"]),
            frozenset(told["rights"]),
            told["csrf_token"],
        )

    def may(self, right: str) -> bool:
        """Whether a right is among theirs."""
        return right in self.rights


@dataclass(slots=True)
class Page:
    """One request of a browser. `me` is None on public pages; `form` holds what was sent, without the CSRF token;
    `file` what was uploaded with it."""

    site: Site
    request: web.Request
    rest: Rest
    me: Me | None = None
    form: MultiDictProxy[str] = field(default_factory=lambda: _NO_FORM)
    file: bytes = b""

    @property
    def wants_part(self) -> bool:
        """Whether a script asks, for a part of a page that is there already."""
        return self.request.headers.get("HX-Request") == "true"

    def may(self, right: Right) -> bool:
        """Whether whoever is signed in has a right."""
        return self.me is not None and self.me.may(right.value)

    def part(self, name: str) -> str:
        """A name in the page's path, percent-encoded for the API's."""
        return self.quoted(self.request.match_info[name])

    def quoted(self, text: str) -> str:
        """A text percent-encoded as one segment of the API's path."""
        return quote(text, safe="") or "-"

    def asked_page(self) -> int | str:
        """Which page of a list is wanted; what is no number is left to the API to refuse."""
        return self.request.query.get("page", 1)

    def given(self, name: str) -> str | None:
        """What a field of the form holds; None where that is nothing."""
        return self.form.get(name, "").strip() or None

    def render(self, template: str, status: int = 200, **context: Any) -> web.Response:
        """A page from a template, which is given `context` and what the frame shows."""
        whole = {
            "me": self.me,
            "may": (lambda right: False) if self.me is None else self.me.may,
            "csrf_token": None if self.me is None else self.me.csrf_token,
            "navigation": () if self.me is None else navigation_for(self.me.rights),
            "path": self.request.path,
            "flash": flash_of(self.request),
            "sent": self.form,
            "error": None,
            "site": self.site,
            **context,
        }
        text = self.site.templating.render(template, whole)
        return web.Response(text=text, status=status, content_type=HTML_TYPE)

    def again(self, template: str, error: ErrorReply, **context: Any) -> web.Response:
        """A form once more, with what was given (never what is secret) and what is wrong with it."""
        response = self.render(template, error.status, error=error, **context)
        response.headers.extend(error.headers)
        return response

    def redirect(self, path: str, flash: str | None = None) -> web.Response:
        """Go on at another page of the portal, which says `flash` (a word of `flashes.FLASHES`)."""
        if self.wants_part:
            response = web.Response(status=200, headers={"HX-Redirect": path}, content_type=HTML_TYPE)
        else:
            response = web.Response(status=303, headers={hdrs.LOCATION: path}, content_type=HTML_TYPE)
        if flash is not None:
            set_flash(response, flash, https=self.site.settings.https)
        return response


Handler = Callable[[Page], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A page, or what one of its forms does. `right` is what it takes; None: it is public. `foreign`: its form is sent
    by another site, without a session and without a token, and changes nothing. `anywhere`: its form is about no
    organisation, or about that of its path, whichever one is looked at."""

    method: str
    path: str
    handler: Handler
    right: Right | None = None
    razorpay: bool = False  # whether a form of it leads to the payment provider: the one origin that is not ours
    foreign: bool = False
    anywhere: bool = False
    upload: bool = False  # whether its form brings a file, which is read for those alone who have the right
