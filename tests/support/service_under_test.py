"""The product as a process of its own: configured for a test, with a customer, a REST client and a webhook receiver."""

import asyncio
import json
import os
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from b2bua.clock import SystemClock
from b2bua.demo.children import Child, product, run_once
from b2bua.demo.client import RestClient
from b2bua.demo.journal import Journal
from b2bua.demo.receiver import Received, WebhookReceiver
from b2bua.demo.workplace import to_toml
from b2bua.tokens import SystemTokens
from tests.support.free_ports import PortLease

TERMINAL_EVENTS = frozenset({"call.completed", "call.failed", "call.no-answer"})
MASKED_NUMBER = "917969002802"


@dataclass(slots=True)
class ServiceUnderTest:
    """A running `maskbridge serve` and all that is needed to use it."""

    folder: Path
    config: Path
    url: str
    sip_port: int
    service: Child
    client: RestClient
    webhooks: Journal[Received]
    org_id: str

    async def command(self, *arguments: str) -> dict[str, object]:
        """A `maskbridge` command's JSON."""
        answer = json.loads(await run_once(*product(*arguments, "-c", str(self.config), "--json")))
        assert isinstance(answer, dict)
        return answer

    async def ending(self, call_sid: str, timeout_s: float) -> Received | None:
        """The call's last event about itself, None when it did not come in time."""
        return await self.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call_sid and webhook.event in TERMINAL_EVENTS, timeout_s
        )

    def events_of(self, call_sid: str) -> list[Received]:
        """What was told of a call, in the order it came."""
        return [webhook for webhook in self.webhooks.entries if webhook.call_sid == call_sid]

    def cpu_ms(self) -> float:
        """The CPU time its process has used, children not counted."""
        return sum(self._times_ms())

    def kernel_ms(self) -> float:
        """What of that was spent in the kernel, as its clock tick samples it."""
        return self._times_ms()[1]

    def _times_ms(self) -> tuple[float, float]:
        fields = Path(f"/proc/{self.service.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        tick_ms = 1000 / os.sysconf("SC_CLK_TCK")
        return int(fields[11]) * tick_ms, int(fields[12]) * tick_ms

    def resident_mib(self) -> float:
        """The memory its process holds."""
        pages = int(Path(f"/proc/{self.service.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def trunk(name: str, port: int, **profile: object) -> dict[str, object]:
    """A trunk's table for a peer on loopback, to which no OPTIONS go."""
    return {
        "name": name,
        "uri": f"sip:127.0.0.1:{port}",
        "numbers": [MASKED_NUMBER],
        "options_interval_s": 0,
        **profile,
    }


@asynccontextmanager
async def service_under_test(
    folder: Path,
    trunks: Sequence[Mapping[str, object]],
    *,
    sections: Mapping[str, Mapping[str, object]] | None = None,
    media_ports: int = 400,
    rupees: int = 100_000,
    on_webhook: Callable[[Received], None] | None = None,
    routes: Sequence[Mapping[str, object]] | Callable[[str], Sequence[Mapping[str, object]]] = (),
) -> AsyncIterator[ServiceUnderTest]:
    """Start it on free ports with these trunks; `sections` are laid over the test's own settings. `routes` may be made
    of the customer's organisation, for those that bill it."""
    clock, tokens = SystemClock(), SystemTokens()
    async with AsyncExitStack() as stack:
        receiver = WebhookReceiver(Journal(on_webhook), clock, f"/hooks/{tokens.hex(16)}")
        await receiver.open()
        stack.push_async_callback(receiver.close)
        sip_port = stack.enter_context(PortLease(2))
        api_port = sip_port + 1
        media = stack.enter_context(PortLease(media_ports))
        settings: dict[str, dict[str, object]] = {
            "sip": {"listen": [f"udp://127.0.0.1:{sip_port}"]},
            "media": {"address": "127.0.0.1", "ports": f"{media}-{media + media_ports - 1}", "port_rest_s": 1},
            "api": {
                "listen": f"127.0.0.1:{api_port}",
                "public_url": f"http://127.0.0.1:{api_port}",
                "rate_limit_per_minute": 1_000_000,
            },
            "calls": {"sip_parties": True, "max_concurrent": 10_000},
            "webhooks": {"allow_private_targets": True},
        }
        for name, values in (sections or {}).items():
            settings[name] = {**settings.get(name, {}), **values}
        config = await _configure(folder, settings, trunks, () if callable(routes) else routes)
        created = json.loads(await run_once(*product("org", "create", "Under test", "-c", str(config), "--json")))
        org_id = str(created["org_id"])
        if callable(routes):
            await _configure(folder, settings, trunks, routes(org_id))
        under_test = ServiceUnderTest(
            folder=folder,
            config=config,
            url=f"http://127.0.0.1:{api_port}",
            sip_port=sip_port,
            service=await Child.start(*product("serve", "-c", str(config)), log=folder / "service.log"),
            client=RestClient(f"http://127.0.0.1:{api_port}", "", clock),
            webhooks=receiver.journal,
            org_id=org_id,
        )
        stack.push_async_callback(under_test.service.stop)
        await _wait_until_ready(under_test)
        key, receiver.secret = await _found_customer(under_test, receiver.url, rupees)
        await under_test.client.close()
        under_test.client = RestClient(under_test.url, key, clock)
        stack.push_async_callback(under_test.client.close)
        yield under_test


async def _configure(
    folder: Path,
    settings: Mapping[str, Mapping[str, object]],
    trunks: Sequence[Mapping[str, object]],
    routes: Sequence[Mapping[str, object]],
) -> Path:
    file = folder / "maskbridge.toml"
    if not file.exists():
        await run_once(*product("init", "--dir", str(folder)))
    written: dict[str, object] = tomllib.loads(file.read_text("utf-8"))
    for name, values in settings.items():
        existing = written.get(name)
        written[name] = {**existing, **values} if isinstance(existing, dict) else dict(values)
    written["trunks"] = [dict(table) for table in trunks]
    if routes:
        written["routes"] = [dict(table) for table in routes]
    file.write_text(to_toml(written), "utf-8")
    return file


async def _found_customer(service: ServiceUnderTest, webhook_url: str, rupees: int) -> tuple[str, str]:
    org = ("--org", service.org_id)
    made = await asyncio.gather(
        service.command("key", "create", *org),
        service.command("wallet", "credit", *org, "--rupees", str(rupees), "--reference", "test"),
        service.command("webhook", "add", *org, "--url", webhook_url),
    )
    return str(made[0]["key"]), str(made[2]["secret"])


async def _wait_until_ready(service: ServiceUnderTest) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        while True:
            assert service.service.running, f"the service ended as it started:\n{service.service.last_words()}"
            try:
                async with http.get(f"{service.url}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
