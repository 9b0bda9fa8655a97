"""Every page against everybody: a table, which a new page must be written into."""

import pytest

from control_api.portal.mount import PAGES
from storage.person_records import Role
from tests.support.api_world import ORG, ApiWorld
from tests.support.portal_browser import SIGN_IN, Browser, browser_of

ALL = {Role.OWNER, Role.DEVELOPER, Role.FINANCE, Role.VIEWER}
# The pages that are read; what a form does needs a right of its own, held by the API.
SEES: dict[str, set[Role]] = {
    "/portal": ALL,
    "/portal/me": ALL,
    "/portal/overview/live": ALL,
    "/portal/keys": {Role.OWNER, Role.DEVELOPER},
    "/portal/keys/new": {Role.OWNER, Role.DEVELOPER},
}
PUBLIC = {SIGN_IN, "/portal/invitations/{token}"}


def test_every_page_is_in_the_table() -> None:
    assert (
        set(SEES) | PUBLIC
        == {route.path for route in PAGES if route.method == "GET" and "{" not in route.path} | PUBLIC
    )


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_what_the_table_says_and_the_navigation_leads_nowhere_else(
    world: ApiWorld, role: Role
) -> None:
    browser = await browser_of(world, role)
    for path, roles in SEES.items():
        shown = await browser.get(path)
        assert (shown.status == 200) == (role in roles), (path, shown.status)
        if not path.endswith("/live"):
            shown.tree()
    for link in (await browser.get("/portal")).links():
        if link.startswith("/portal"):
            assert (await browser.get(link)).status == 200, link


async def test_strangers_see_nothing(world: ApiWorld) -> None:
    for path in SEES:
        assert (await Browser(world).get(path)).path == SIGN_IN, path


async def test_an_operator_looks_at_an_organisation(world: ApiWorld) -> None:
    browser = await browser_of(world, None, operator=True)
    page = await browser.get("/portal")
    token = page.form("/portal/sign-out")["csrf_token"]
    looked = await browser.post("/portal/look-at", {"csrf_token": token, "org_id": ORG})
    assert looked.status == 200
    for path in SEES:
        assert (await browser.get(path)).status == 200, path
