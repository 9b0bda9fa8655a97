"""What a server does to its database that cannot start, over and over."""

from pathlib import Path

import pytest

from b2bua.clock import SystemClock
from b2bua.demo.children import Child, product
from storage.store import Store
from tests.support.live_call import left
from tests.support.stored import a_call, adding, an_endpoint, an_event, an_organisation

pytestmark = pytest.mark.sockets

HOUR_MS = 3_600_000


async def test_starts_in_vain_bring_no_webhook_forward(tmp_path: Path) -> None:
    """A clock that was set back by an hour counts once, however often the server does not come to its listeners:
    each attempt would be one of the few that there are."""
    config, url = tmp_path / "maskbridge.toml", f"sqlite:///{tmp_path}/maskbridge.db"
    config.write_text(f'[sip]\nlisten = ["udp://192.0.2.1:0"]\n[storage]\nurl = "{url}"\n', "utf-8")
    now_ms = SystemClock().wall_ms()
    store = await Store.open(url)
    try:
        await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
        await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint()))
        await store.run(adding(an_event(a_call(), at=now_ms + 5 * HOUR_MS // 4)))
        await store.run(lambda unit: unit.calls.heartbeat(now_ms + HOUR_MS))
        for start in range(2):
            child = await Child.start(*product("serve", "-c", str(config)), log=tmp_path / f"log{start}")
            assert await left(child) == 1
            assert "sip.listen: udp://192.0.2.1:0 cannot be opened" in child.last_words()
        due_at = await store.read(lambda reader: reader.next_due_at())
        assert due_at is not None
        assert due_at > SystemClock().wall_ms() + HOUR_MS // 8
    finally:
        await store.close()
