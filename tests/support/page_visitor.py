"""A browser without a screen: follows the portal's pages and their forms, and holds every page to the same rules."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import html5lib
from aiohttp import MultipartWriter

from control_api.portal.door import CONTENT_SECURITY_POLICY, checkout_security_policy
from tests.support.api_world import ApiWorld
from tests.support.signed_in import PASSWORD

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Shown:
    """A page as it came."""

    status: int
    headers: Mapping[str, str]
    text: str
    set_cookies: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        return self.headers["Location"]

    def tree(self) -> Element:
        """The page as a document; it must be without a flaw."""
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            parse = parser.parse if "<html" in self.text else parser.parseFragment
            tree: Element = parse(self.text)
        return tree

    def links(self) -> list[str]:
        """The pages that it leads to."""
        found = [str(link.get("href")) for link in self.tree().iter("a")]
        return [path for path in found if path.startswith("/portal")]

    def fields(self, action: str) -> dict[str, Any]:
        """What the form of this action has when it is sent as it stands: text fields, choices, ticks."""
        form = next(one for one in self.tree().iter("form") if one.get("action") == action)
        given: dict[str, Any] = {}
        for one in form.iter():
            name = one.get("name")
            if name is None or (one.get("type") == "checkbox" and one.get("checked") is None):
                continue
            if one.tag == "select":
                options = list(one.iter("option"))
                chosen = next((option for option in options if option.get("selected") is not None), options[0])
                given[name] = str(chosen.get("value"))
            elif one.get("type") == "checkbox":
                given.setdefault(name, []).append(one.get("value"))
            else:
                given[name] = one.get("value") or ""
        return given


@dataclass
class PageVisitor:
    """Somebody's browser, with its cookies."""

    world: ApiWorld
    cookies: dict[str, str] = field(default_factory=dict)
    checkout_url: str | None = None

    @property
    def policies(self) -> tuple[str, ...]:
        """Those of pages that lead to the payment provider."""
        return () if self.checkout_url is None else (checkout_security_policy(self.checkout_url),)

    async def get(self, path: str, **headers: str) -> Shown:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, fields: Mapping[str, Any], **headers: str) -> Shown:
        """Send fields as a form, as they are: without a token where none is among them."""
        body = urlencode(list(fields.items()), doseq=True)
        return await self._ask("POST", path, {"Content-Type": FORM_TYPE, **headers}, data=body)

    async def upload(self, path: str, fields: Mapping[str, str], content: bytes | None) -> Shown:
        """Send fields and a file as a form that takes one; None: without one."""
        form = MultipartWriter("form-data")
        for name, text in fields.items():
            form.append(text.encode()).set_content_disposition("form-data", name=name)
        if content is not None:
            form.append(BytesIO(content)).set_content_disposition("form-data", name="file", filename="a file.wav")
        return await self._ask("POST", path, dict(form.headers), data=form)

    async def send(self, path: str, content: bytes, **headers: str) -> Shown:
        """Send a body as it stands."""
        return await self._ask("POST", path, headers, data=content)

    async def submit(self, page: str, action: str, **changes: Any) -> Shown:
        """Fill in the form of this action on a page, and send it."""
        shown = await self.get(page)
        assert shown.status == 200, shown.text
        return await self.post(action, shown.fields(action) | changes)

    async def sign_in(self, email: str, password: str = PASSWORD) -> Shown:
        return await self.submit("/portal/sign-in", "/portal/sign-in", email=email, password=password)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> Shown:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        reply = await self.world.client.request(method, path, headers=sent, allow_redirects=False, **options)
        lines = tuple(reply.headers.getall("Set-Cookie", ()))
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        shown = Shown(reply.status, reply.headers, await reply.text(), lines)
        if path.startswith("/portal") and "/static/" not in path:
            hold_to_the_rules(shown, *self.policies)
        return shown


def hold_to_the_rules(shown: Shown, *allowed: str) -> None:
    """What is true of every page: sound HTML, a strict policy and no line that would need a laxer one."""
    assert shown.headers["Content-Security-Policy"] in (CONTENT_SECURITY_POLICY, *allowed)
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    if not shown.text:
        return
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    tree = shown.tree()
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids)), ids
    for one in tree.iter():
        assert one.get("style") is None
        assert not [name for name in one.keys() if name.startswith("on")]  # noqa: SIM118
        if one.tag in ("script", "style"):
            assert not (one.text or "").strip()
        if one.tag == "script":
            assert str(one.get("src")).startswith("/portal/static/")
        if one.tag in ("input", "select", "textarea") and one.get("type") != "hidden":
            assert named(tree, one), one.attrib


def named(tree: Element, control: Element) -> bool:
    """Whether a label tells what a field is."""
    if control.get("aria-label") or any(control in list(label.iter()) for label in tree.iter("label")):
        return True
    return any(label.get("for") == control.get("id") for label in tree.iter("label"))
