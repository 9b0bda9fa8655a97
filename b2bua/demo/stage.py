"""Everything the demo sets up, and takes down again: carrier, webhook receiver, service, phones, a funded customer."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from b2bua.clock import Clock
from b2bua.demo.carrier import ToyCarrier
from b2bua.demo.children import Child, ChildFailed, product, run_once
from b2bua.demo.journal import Journal
from b2bua.demo.phone import Party, Report, SoftPhone
from b2bua.demo.receiver import Received, WebhookReceiver
from b2bua.demo.workplace import (
    PARTY_A,
    PARTY_B,
    PHONE_PORTS,
    Ports,
    choose_ports,
    write_configuration,
)
from b2bua.tokens import Tokens

ALICE: Final = Party("a", PARTY_A, 620.0, 1.2)
BOB: Final = Party("b", PARTY_B, 1130.0, 1.8)
FUNDS_RUPEES: Final = 100
_READY_S: Final = 30.0
_READY_POLL_S: Final = 0.05
_REGISTERED_S: Final = 15.0


@dataclass(slots=True)
class Stage:
    """All that stands when the calls begin."""

    folder: Path
    ports: Ports
    carrier: ToyCarrier
    receiver: WebhookReceiver
    service: Child
    phone_a: SoftPhone
    phone_b: SoftPhone
    org_id: str
    key: str
    ready_s: float

    @property
    def url(self) -> str:
        """The service's REST API."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def recordings(self) -> Path:
        """Where the service keeps its WAV files."""
        return self.folder / "var" / "recordings"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told what happens as it happens."""

    on_webhook: Callable[[Received], None]
    on_report: Callable[[Party, Report], None]


async def set_up(stack: AsyncExitStack, folder: Path, clock: Clock, tokens: Tokens, audience: Audience) -> Stage:
    """Build it all; `stack` takes it down, phones first. Raises `ChildFailed`, `NoFreePorts` and `OSError`."""
    ports = choose_ports(tokens)
    carrier = await ToyCarrier.open()
    stack.callback(carrier.close)
    receiver = WebhookReceiver(Journal(audience.on_webhook), clock, f"/hooks/{tokens.hex(16)}")
    await receiver.open()
    stack.push_async_callback(receiver.close)

    file = await write_configuration(folder, ports, carrier.address[1])
    org_id, key, receiver.secret = await _found_customer(file, receiver.url)
    began = clock.monotonic()
    service = await Child.start(*product("serve", "-c", str(file)), log=folder / "service.log")
    stack.push_async_callback(service.stop)
    await _wait_until_ready(f"http://127.0.0.1:{ports.api}/readyz", service)
    ready_s = clock.monotonic() - began

    phones = []
    for party, other, sip_port, rtp_port in (
        (ALICE, BOB, ports.phone_a_sip, ports.phone_a_rtp),
        (BOB, ALICE, ports.phone_b_sip, ports.phone_b_rtp),
    ):
        phone = SoftPhone(party, folder, audience.on_report)
        stack.push_async_callback(phone.stop)
        await phone.start(other.tone_hz, sip_port, range(rtp_port, rtp_port + PHONE_PORTS), carrier.address)
        phones.append(phone)
    for phone in phones:
        registered = await phone.journal.wait_for(lambda report: report.event == "registered", _REGISTERED_S)
        if registered is None:
            raise ChildFailed(f"phone {phone.party.letter.upper()} did not register: {phone.last_words()}")
    return Stage(folder, ports, carrier, receiver, service, phones[0], phones[1], org_id, key, ready_s)


async def _found_customer(file: Path, webhook_url: str) -> tuple[str, str, str]:
    """An organisation with a key, money and a webhook, through the commands; its id, key and webhook secret."""

    async def command(*arguments: str) -> dict[str, object]:
        answer = json.loads(await run_once(*product(*arguments, "-c", str(file), "--json")))
        if not isinstance(answer, dict):
            raise ChildFailed(f"{' '.join(arguments)} gave no JSON object")
        return answer

    org_id = str((await command("org", "create", "Demo"))["org_id"])
    made = await asyncio.gather(
        command("key", "create", "--org", org_id, "--name", "demo"),
        command("wallet", "credit", "--org", org_id, "--rupees", str(FUNDS_RUPEES), "--reference", "demo"),
        command("webhook", "add", "--org", org_id, "--url", webhook_url),
    )
    return org_id, str(made[0]["key"]), str(made[2]["secret"])


async def _wait_until_ready(url: str, service: Child) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        while loop.time() < deadline:
            if not service.running:
                raise ChildFailed(f"the service ended as it started:\n{service.last_words()}")
            try:
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_READY_POLL_S)
    raise ChildFailed(f"the service was not ready after {_READY_S:g} s:\n{service.last_words()}")
