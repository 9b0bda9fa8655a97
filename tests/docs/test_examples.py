"""The examples of the documentation, run as they stand against a served process with a test key."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
import pytest_asyncio

from b2bua.clock import SystemClock
from control_api.openapi import build_openapi
from control_api.webhooks.signing import sign_body_v2
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test

pytestmark = [pytest.mark.sockets, pytest.mark.asyncio(loop_scope="module")]

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
CLIENT = EXAMPLES.parents[1] / "clients" / "python"
LANGUAGES = {"sh": ("sh",), "py": (sys.executable,), "mjs": ("node",)}
RECEIVERS = ("webhooks.py", "webhooks.mjs")
SECRET = "whsec_of_an_example"
BODY = b'{"event":"call.ringing","event_id":"e1","sequence":2,"call_sid":"x","data":{}}'
SCHEMAS = build_openapi("http://127.0.0.1", "1")["components"]


@dataclass(frozen=True)
class Sandbox:
    """A running service and a test key for it."""

    service: ServiceUnderTest
    key: str

    async def run(self, example: str, *arguments: str) -> Any:
        """What an example prints."""
        language = LANGUAGES[example.rpartition(".")[2]]
        if shutil.which(language[0]) is None or (language == ("sh",) and shutil.which("curl") is None):
            pytest.skip(f"{language[0]} is not here")
        environment = {
            "MASKBRIDGE_URL": self.service.url,
            "MASKBRIDGE_KEY": self.key,
            "PYTHONPATH": str(CLIENT),
        }
        child = await started(*language, str(EXAMPLES / example), *arguments, environment=environment)
        said, complaint = await asyncio.wait_for(child.communicate(), 30)
        assert child.returncode == 0, complaint.decode()
        return json.loads(said)


async def started(*line: str, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *line,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    with PortLease(80) as ports:
        sections = {"test_calls": {"ports": f"{ports}-{ports + 79}"}}
        async with service_under_test(tmp_path_factory.mktemp("docs"), [], sections=sections) as service:
            made = await service.command("key", "create", "--org", service.org_id, "--test")
            yield Sandbox(service, str(made["key"]))


def check(reply: object, schema: str) -> None:
    """Against the schema of the OpenAPI document."""
    jsonschema.validate(reply, {"$ref": f"#/components/schemas/{schema}", "components": SCHEMAS})


@pytest.mark.parametrize("ending", list(LANGUAGES))
async def test_a_call_its_status_and_its_recording(sandbox: Sandbox, ending: str) -> None:
    placed = await sandbox.run(f"place_call.{ending}")
    placed = placed["data"] if ending == "sh" else placed
    check(placed, "PlacedCallView")
    assert (placed["test"], placed["reference"]) == (True, "order-1042")
    call_sid = placed["call_sid"]
    ready = await sandbox.service.webhooks.wait_for(
        lambda webhook: webhook.call_sid == call_sid and webhook.event == "recording.ready", 30
    )
    assert ready is not None
    call = await sandbox.run(f"show_call.{ending}", call_sid)
    call = call["data"] if ending == "sh" else call
    check(call, "CallView")
    assert (call["status"], call["hangup_cause"]) == ("completed", "normal")
    recording = await sandbox.run(f"show_recording.{ending}", call_sid)
    recording = recording["data"] if ending == "sh" else recording
    check(recording, "RecordingView")
    async with aiohttp.ClientSession() as session, session.get(recording["url"]) as mp3:
        assert (mp3.status, mp3.content_type) == (200, "audio/mpeg")


async def test_a_call_with_the_typed_client(sandbox: Sandbox) -> None:
    said = await sandbox.run("client.py")
    assert said["status"] in {"initiated", "ringing", "answered", "in-progress"}
    reported = await sandbox.service.webhooks.wait_for(lambda webhook: webhook.call_sid == said["call_sid"], 30)
    assert reported is not None


@asynccontextmanager
async def receiver(example: str, port: int, secret: str = SECRET) -> AsyncIterator[asyncio.subprocess.Process]:
    """A receiver of the documentation, once it listens."""
    lines = {
        "py": (sys.executable, str(EXAMPLES / example)),
        "mjs": ("node", str(EXAMPLES / example)),
        "php": ("php", "-S", f"127.0.0.1:{port}", str(EXAMPLES / example)),
        "go": ("go", "run", "-exec", "setpriv --pdeathsig KILL", str(EXAMPLES / example)),
    }
    line = lines[example.rpartition(".")[2]]
    if shutil.which(line[0]) is None:
        pytest.skip(f"{line[0]} is not here")
    child = await started(*line, environment={"PORT": str(port), "WEBHOOK_SECRET": secret, "STREAM_SECRET": secret})
    try:
        await listening(port, child)
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
        await child.communicate()


async def listening(port: int, child: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(50):
        while True:
            assert child.returncode is None
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


async def verdicts(port: int) -> list[int]:
    """What a receiver answers to a good delivery, the same again, and four that are none."""
    now_s = SystemClock().wall_ms() // 1000
    good = sign_body_v2(BODY, (SECRET,), now_s)
    sent = [
        (BODY, good),
        (BODY, sign_body_v2(BODY, ("the next one", SECRET), now_s)),
        (BODY, sign_body_v2(BODY, ("another",), now_s)),
        (BODY.replace(b"2", b"3"), good),
        (BODY, sign_body_v2(BODY, (SECRET,), now_s - 301)),
        (BODY, ""),
    ]
    found = []
    async with aiohttp.ClientSession() as session:
        for body, signature in sent:
            headers = {"X-Edesy-Signature-V2": signature, "Content-Type": "application/json"}
            async with session.post(f"http://127.0.0.1:{port}/", data=body, headers=headers) as reply:
                found.append(reply.status)
    return found


async def break_off(port: int) -> None:
    """A request whose sender goes before its body is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    await writer.drain()
    writer.write_eof()
    with suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 10)
    writer.close()


@pytest.mark.parametrize("example", RECEIVERS)
async def test_a_receiver_outlives_whoever_breaks_off(example: str) -> None:
    with PortLease(1) as port:
        async with receiver(example, port) as child:
            for _ in range(2):
                await break_off(port)
            assert await verdicts(port) == [204, 204, 401, 401, 401, 401]
            assert child.returncode is None


@pytest.mark.parametrize("example", RECEIVERS)
async def test_a_receiver_takes_what_is_genuine_once(example: str) -> None:
    with PortLease(1) as port:
        async with receiver(example, port) as child:
            assert await verdicts(port) == [204, 204, 401, 401, 401, 401]
            child.terminate()
            said, _ = await child.communicate()
    assert said.decode().splitlines() == ["call.ringing 2"]


async def test_a_receiver_of_streams_hears_both_parties(sandbox: Sandbox) -> None:
    service = sandbox.service
    scopes = ("--test", "--scopes", "calls:write,streams:write")
    with PortLease(1) as port:
        url = f"ws://127.0.0.1:{port}/calls"
        owner = await service.command("key", "create", "--org", service.org_id, "--scopes", "account:write")
        tester = await service.command("key", "create", "--org", service.org_id, *scopes)
        async with aiohttp.ClientSession(service.url) as http:

            async def post(path: str, made: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
                headers = {"Authorization": f"Bearer {made['key']}"}
                async with http.post(path, headers=headers, json=body) as reply:
                    assert reply.status == 201, await reply.text()
                    found: dict[str, Any] = (await reply.json())["data"]
                    return found

            endpoint = await post("/v1/account/stream-endpoints", owner, {"url": url, "rate": 8000})
            async with receiver("captions.py", port, endpoint["secret"]) as child:
                with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                    await http.ws_connect(url, headers={"X-Edesy-Stream-Id": "x", "X-Edesy-Signature-V2": "t=1,v1=0"})
                parties = {"party_a": "9000001000", "party_b": "9000007002", "stream": {}}
                placed = await post("/v1/masking/calls", tester, parties)
                assert child.stdout is not None
                async with asyncio.timeout(30):
                    said = [(await child.stdout.readline()).decode().split()]
                    while said[-1][0] != "stop":
                        said.append((await child.stdout.readline()).decode().split())
    assert said[0] == ["start", placed["call_sid"]]
    assert said[-1] == ["stop", "call_ended", "0"]
    peaks = [[int(peak) for peak in line[1:]] for line in said if line[0] == "peak"]
    assert peaks
    assert min(peaks[-1]) > 1000, "both speak"


@pytest.mark.interop
@pytest.mark.parametrize("example", ["webhooks.php", "webhooks.go"])
async def test_a_receiver_in_another_language_takes_what_is_genuine(example: str) -> None:
    with PortLease(1) as port:
        async with receiver(example, port):
            assert await verdicts(port) == [204, 204, 401, 401, 401, 401]
