"""A browser without scripts: it follows redirects, keeps cookies, reads pages strictly and fills in their forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

import html5lib

from storage.person_records import Role
from tests.support.api_world import ApiWorld
from tests.support.signed_in import PASSWORD, add_person

SIGN_IN = "/portal/sign-in"
Fields = Sequence[tuple[str, str]]


@dataclass
class Shown:
    """A page as it came."""

    path: str
    status: int
    headers: Mapping[str, str]
    text: str

    def tree(self) -> Element:
        """The page, read by a parser that refuses what is not HTML."""
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        found: Element = parser.parse(self.text)
        return found

    def forms(self) -> list[Element]:
        """All forms on it."""
        return list(self.tree().iter("form"))

    def form(self, action: str) -> dict[str, str]:
        """What a form holds before anybody touches it."""
        found = next(form for form in self.forms() if form.get("action") == action)
        given = {
            field.get("name", ""): field.get("value", "")
            for field in found.iter("input")
            if field.get("type") not in ("checkbox", "radio") or field.get("checked") is not None
        }
        for choice in found.iter("select"):
            options = list(choice.iter("option"))
            picked = next((option for option in options if option.get("selected") is not None), options[0])
            given[choice.get("name", "")] = picked.get("value", "")
        return given

    def links(self) -> set[str]:
        """Where it leads."""
        return {link.get("href", "") for link in self.tree().iter("a")}


@dataclass
class Browser:
    """Somebody's browser."""

    world: ApiWorld
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Shown:
        """Open a page."""
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, fields: Mapping[str, str] | Fields, **headers: str) -> Shown:
        """Send a form as it is given, and go where that leads."""
        return await self._ask("POST", path, fields, headers)

    async def send(self, page: Shown, action: str, fields: Fields = (), **changes: str) -> Shown:
        """Fill in a form of a page and send it."""
        return await self.post(action, [*(page.form(action) | changes).items(), *fields])

    async def sign_in(self, email: str, password: str = PASSWORD) -> Shown:
        """Through the form."""
        return await self.send(await self.get(SIGN_IN), SIGN_IN, email=email, password=password)

    async def _ask(self, method: str, path: str, fields: Any, headers: Mapping[str, str]) -> Shown:
        for _ in range(4):
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            data = None if fields is None else list(fields.items() if isinstance(fields, Mapping) else fields)
            response = await self.world.client.request(
                method, path, data=data, headers={"Cookie": cookie, **headers}, allow_redirects=False
            )
            for line in response.headers.getall("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    if morsel.value and morsel["max-age"] != "0":
                        self.cookies[name] = morsel.value
                    else:
                        self.cookies.pop(name, None)
            text = await response.text(errors="replace")
            if response.status != 303:
                return Shown(response.url.path, response.status, response.headers, text)
            method, path, fields = "GET", urljoin(path, response.headers["Location"]), None
        raise AssertionError("one redirect leads to another for ever")


async def browser_of(world: ApiWorld, role: Role | None, *, operator: bool = False) -> Browser:
    """Somebody new of a role, signed in through the page."""
    email = f"{role or 'nobody'}{'-operator' if operator else ''}@pages.example"
    await add_person(world, email, role, operator=operator)
    browser = Browser(world)
    assert (await browser.sign_in(email)).status == 200
    return browser
