"""What `serve` says of its listeners, and of one that cannot be."""

import asyncio
import json
from pathlib import Path

import pytest

from b2bua.demo.children import Child, product
from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from tests.support.live_call import left

pytestmark = pytest.mark.sockets


async def _serve(folder: Path, text: str) -> Child:
    config = folder / "maskbridge.toml"
    config.write_text(text, "utf-8")
    return await Child.start(*product("serve", "-c", str(config), "--json"), log=folder / "log")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[sip]\nlisten = ["udp://192.0.2.1:0"]', "sip.listen: udp://192.0.2.1:0 cannot be opened: "),
        (
            '[sip]\nlisten = ["udp://127.0.0.1:0"]\n[media]\naddress = "192.0.2.1"',
            "media.address: 192.0.2.1 cannot be ",
        ),
        (
            '[sip]\nlisten = ["udp://127.0.0.1:0"]\n[api]\nlisten = "192.0.2.1:8080"',
            "api.listen: 192.0.2.1:8080 cannot be opened: Cannot assign requested address",
        ),
    ],
)
async def test_an_address_that_is_not_ours_is_one_line(tmp_path: Path, settings: str, said: str) -> None:
    child = await _serve(tmp_path, settings)
    assert await left(child) == 1
    last = child.last_words().splitlines()[-1]
    assert last.startswith(f"maskbridge: {said}")
    assert "Traceback" not in child.last_words()


async def test_it_tells_what_it_opened(tmp_path: Path) -> None:
    ports = choose_ports(SystemTokens())
    listen = '["udp://127.0.0.1:0", "tcp://127.0.0.1:5999"]'
    child = await _serve(tmp_path, f'[sip]\nlisten = {listen}\n[api]\nlisten = "127.0.0.1:{ports.api}"')
    for _ in range(200):
        if "{" in child.last_words():
            break
        await asyncio.sleep(0.05)
    assert await child.stop() == 0
    told = json.loads(next(line for line in child.last_words().splitlines() if line.startswith("{")))
    assert set(told) == {"version", "sip", "api"}
    assert told["api"] == f"127.0.0.1:{ports.api}"
    [sip] = told["sip"]
    assert sip.startswith("udp://127.0.0.1:")
    assert not sip.endswith(":0")
