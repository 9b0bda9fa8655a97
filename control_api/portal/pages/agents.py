"""Agents, who take calls in a browser: made, linked to people, given tokens, deleted."""

from typing import Any, Final

from aiohttp import web

from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right
from storage.agent_records import AgentState

_PATH: Final = "/portal/agents"
_PAGE: Final = "agents.html"
_STATES: Final = tuple((state.value, state.value) for state in AgentState)
_LIVES: Final = (("3600", "an hour"), ("28800", "8 hours"), ("43200", "12 hours"))


async def list_agents(page: Page) -> web.Response:
    """All of them, and the form that makes another."""
    return page.render(_PAGE, **await _shown(page))


async def create(page: Page) -> web.Response:
    """Make one."""
    try:
        await page.rest.post("/v1/agents", name=page.given("name") or "", **_details(page))
    except Refused as refused:
        return page.again(_PAGE, refused.reply, **await _shown(page))
    return page.redirect(_PATH, "agent-made")


async def change(page: Page) -> web.Response:
    """Another name, state or person."""
    body = {"person_id": None} | _details(page) if "person_id" in page.form else _details(page)
    try:
        await page.rest.call("PATCH", f"/v1/agents/{page.part('agent')}", body=body)
    except Refused as refused:
        return page.again(_PAGE, refused.reply, **await _shown(page))
    return page.redirect(_PATH, "agent-changed")


async def make_token(page: Page) -> web.Response:
    """A token for a page of the agent's, shown this once."""
    life = page.given("life_sec") or ""
    body = {"life_sec": int(life)} if life in dict(_LIVES) else {}
    made = await page.rest.call("POST", f"/v1/agents/{page.part('agent')}/tokens", body=body)
    return page.render("agents_token.html", 201, token=made.data)


async def revoke_tokens(page: Page) -> web.Response:
    """End all of an agent's tokens."""
    await page.rest.call("DELETE", f"/v1/agents/{page.part('agent')}/tokens")
    return page.redirect(_PATH, "agent-tokens-revoked")


async def delete(page: Page) -> web.Response:
    """Delete an agent."""
    await page.rest.call("DELETE", f"/v1/agents/{page.part('agent')}")
    return page.redirect(_PATH, "agent-deleted")


def _details(page: Page) -> dict[str, str]:
    """What the form gives; what is left empty is left out."""
    given = {name: page.given(name) for name in ("display_name", "state", "person_id")}
    return {name: value for name, value in given.items() if value is not None}


async def _shown(page: Page) -> dict[str, Any]:
    """The agents, and the people whom they can be linked to as far as those may be seen."""
    agents = (await page.rest.get("/v1/agents")).data
    people = (await page.rest.get("/v1/account/people")).data if page.may(Right.PEOPLE_READ) else []
    names = {person["person_id"]: person["name"] for person in people}
    return {
        "agents": agents,
        "names": names,
        "people": (("", "nobody"), *names.items()),
        "states": _STATES,
        "lives": _LIVES,
    }


PAGES: Final = (
    PageRoute("GET", _PATH, list_agents, Right.AGENTS_READ),
    PageRoute("POST", _PATH, create, Right.AGENTS_WRITE),
    PageRoute("POST", _PATH + "/{agent}/change", change, Right.AGENTS_WRITE),
    PageRoute("POST", _PATH + "/{agent}/token", make_token, Right.AGENTS_WRITE),
    PageRoute("POST", _PATH + "/{agent}/revoke-tokens", revoke_tokens, Right.AGENTS_WRITE),
    PageRoute("POST", _PATH + "/{agent}/delete", delete, Right.AGENTS_WRITE),
)
