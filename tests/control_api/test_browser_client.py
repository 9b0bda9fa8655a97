"""The JavaScript client as pages of every origin load it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api_world import ApiWorld, api_world

SCRIPTS = ("maskbridge-agent.js", "maskbridge-media.js", "maskbridge-network.js")


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_page_of_any_origin_loads_it(world: ApiWorld, name: str) -> None:
    reply = await world.client.get(f"/clients/{name}", headers={"Origin": "https://shop.example"})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    script = await reply.text()
    assert all(each in SCRIPTS for each in _imported(script))
    again = await world.client.get(f"/clients/{name}", headers={"If-None-Match": f'"x", {reply.headers["ETag"]}'})
    assert (again.status, await again.read()) == (304, b"")
    head = await world.client.head(f"/clients/{name}")
    assert (head.status, await head.read()) == (200, b"")


async def test_its_types_are_beside_it(world: ApiWorld) -> None:
    reply = await world.client.get("/clients/maskbridge-agent.d.ts")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "class MaskbridgeAgent" in await reply.text()


@pytest.mark.parametrize("name", ["", "__init__.py", "..%2Fapp.py", "maskbridge-agent.js/"])
async def test_nothing_else_is_there(world: ApiWorld, name: str) -> None:
    assert (await world.client.get(f"/clients/{name}")).status == 404


def _imported(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if line.startswith("import ")]
    return [line.split('"')[1].removeprefix("./") for line in lines]
