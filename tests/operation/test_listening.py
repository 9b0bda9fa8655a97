"""What `serve` says of its listeners, and of one that cannot be."""

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from b2bua.config import ListenAddress, SipSection
from b2bua.demo.children import Child, product
from b2bua.listening import CannotListen, SipListeners, told_host
from tests.support.certificates import Authority
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


async def told_by(child: Child) -> dict[str, Any]:
    """What it announces, once everything listens."""
    async with asyncio.timeout(20):
        while "{" not in child.last_words():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    told = json.loads(next(line for line in child.last_words().splitlines() if line.startswith("{")))
    assert isinstance(told, dict)
    return told


async def test_it_tells_what_it_opened_and_closes_it_at_the_signal(
    tmp_path: Path, lease_ports: Callable[[int], int]
) -> None:
    api_port = lease_ports(1)
    authority = Authority(tmp_path)
    own = authority.issue("127.0.0.1", "::1")
    listen = ["udp://127.0.0.1:0", "udp://[::1]:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "tls://[::1]:0"]
    child = await _serve(
        tmp_path,
        f'[sip]\nlisten = {json.dumps(listen)}\ntls_certificate = "{own.certificate}"\ntls_key = "{own.key}"\n'
        f'[api]\nlisten = "127.0.0.1:{api_port}"\n'
        '[[trunks]]\nname = "local"\nuri = "sip:127.0.0.1:9"\naddresses = ["::1"]\noptions_interval_s = 0\n',
    )
    told = await told_by(child)
    assert set(told) == {"version", "sip", "api"}
    assert told["api"] == f"127.0.0.1:{api_port}"
    assert [name.rpartition(":")[0] + ":0" for name in told["sip"]] == listen
    named = [name.rpartition(":")[2] for name in told["sip"]]
    assert "0" not in named
    trusting = ssl.create_default_context(cafile=authority.file)
    opened = [
        await asyncio.open_connection(host, int(port), ssl=context)
        for host, port, context in zip(
            ("127.0.0.1", "127.0.0.1", "::1"), named[2:], (None, trusting, trusting), strict=True
        )
    ]
    for reader, writer in opened:
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 5) == b"\r\n"
    assert await child.stop() == 0
    for reader, writer in opened:
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("stdout", [">/dev/full", ">&-"])
async def test_a_stdout_that_takes_nothing_ends_no_service(
    tmp_path: Path, stdout: str, lease_ports: Callable[[int], int]
) -> None:
    api_port = lease_ports(1)
    config = tmp_path / "maskbridge.toml"
    config.write_text(f'[sip]\nlisten = ["udp://127.0.0.1:0"]\n[api]\nlisten = "127.0.0.1:{api_port}"\n', "utf-8")
    command = product("serve", "-c", str(config))
    child = await Child.start("sh", "-c", f'exec "$@" {stdout}', "sh", *command, log=tmp_path / "log")
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        while True:
            assert child.running, child.last_words()
            with suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{api_port}/readyz") as response:
                    if response.status == 200:
                        break
            await asyncio.sleep(0.05)
    assert await child.stop() == 0
    assert "Traceback" not in child.last_words()
    assert ("standard output cannot be written" in child.last_words()) == (stdout == ">/dev/full")


async def test_a_trunk_over_tcp_gets_a_listener_undeclared(tmp_path: Path, lease_ports: Callable[[int], int]) -> None:
    api_port = lease_ports(1)
    child = await _serve(
        tmp_path,
        f'[sip]\nlisten = ["udp://127.0.0.1:0"]\n[api]\nlisten = "127.0.0.1:{api_port}"\n'
        '[[trunks]]\nname = "local"\nuri = "sip:127.0.0.1:9;transport=tcp"\noptions_interval_s = 0\n',
    )
    udp, tcp = (await told_by(child))["sip"]
    assert await child.stop() == 0
    assert udp.startswith("udp://127.0.0.1:")
    assert tcp.startswith("tcp://127.0.0.1:")
    assert not tcp.endswith(":0")
    assert "sip.listen: it has no tcp:// listener for local" in child.last_words()


async def test_an_expired_certificate_is_one_line(tmp_path: Path) -> None:
    old = Authority(tmp_path).issue("127.0.0.1", days=-1)
    child = await _serve(
        tmp_path,
        f'[sip]\nlisten = ["tls://127.0.0.1:0"]\ntls_certificate = "{old.certificate}"\ntls_key = "{old.key}"\n',
    )
    assert await left(child) == 1
    last = child.last_words().splitlines()[-1]
    assert last.startswith(f"maskbridge: sip.tls_certificate: {old.certificate}: expired on ")
    assert "Traceback" not in child.last_words()


@pytest.mark.parametrize(
    ("advertise", "told"),
    [
        ("", ["192.0.2.1", "2001:db8::1"]),
        ("198.51.100.7", ["198.51.100.7", "2001:db8::1"]),
        ("2001:db8::7", ["192.0.2.1", "2001:db8::7"]),
        ("sip.masking.example", ["sip.masking.example", "sip.masking.example"]),
    ],
)
def test_an_advertised_address_is_told_by_the_listeners_of_its_ip_version(advertise: str, told: list[str]) -> None:
    sip = SipSection(advertise=advertise)
    assert [told_host(sip, host) for host in ("192.0.2.1", "2001:db8::1")] == told


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_of_a_wildcard_an_address_of_its_ip_version_is_told(wildcard: str) -> None:
    host = told_host(SipSection(), wildcard)
    assert not ip_address(host).is_unspecified
    assert (":" in host) == (":" in wildcard)


def test_what_cannot_be_bound_leaves_nothing_bound() -> None:
    addresses = [ListenAddress("tcp", "127.0.0.1", 0), ListenAddress("udp", "192.0.2.1", 0)]
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    with pytest.raises(CannotListen, match=r"sip\.listen: udp://192\.0\.2\.1:0 cannot be opened"):
        SipListeners.bind(addresses, SipSection(), 0)
    assert len(list(descriptors.iterdir())) == before
