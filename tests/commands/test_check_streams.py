"""`check` asks trunks over TCP and TLS too, and says what stands in the way of each."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from tests.support.agents import answer_to
from tests.support.certificates import Authority
from tests.support.stream_bed import closed_port

pytestmark = pytest.mark.sockets


@asynccontextmanager
async def answering(host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A peer that answers 200 to whatever it is asked; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = parse_message(await reader.readuntil(b"\r\n\r\n"))
            assert isinstance(asked, Request)
            writer.write(answer_to(asked, 200, to_tag="peer"))
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def trunk(name: str, where: str, transport: str, more: str = "") -> str:
    return (
        f'[[trunks]]\nname = "{name}"\nuri = "sip:{where};transport={transport}"\nnumbers = ["917969002802"]\n{more}\n'
    )


async def test_trunks_over_tcp_are_asked(desk: Any) -> None:
    async with answering() as port, answering("::1") as port6:
        desk.add_trunks(
            trunk("alive", f"127.0.0.1:{port}", "tcp")
            + trunk("alive6", f"[::1]:{port6}", "tcp")
            + trunk("dead", f"127.0.0.1:{closed_port().port}", "tcp")
        )
        answer = await asyncio.to_thread(desk.json, "check")
    assert [(row["name"], row["status"], row["answer"]) for row in answer["trunks"]] == [
        ("alive", 200, "200 Whatever"),
        ("alive6", 200, "200 Whatever"),
        ("dead", None, "no answer (refused)"),
    ]
    assert any(note.startswith("sip.listen: it has no tcp:// listener for alive, ") for note in answer["notes"])


async def test_trunks_over_tls_are_asked_and_the_certificate_is_told_of(desk: Any, tmp_path: Path) -> None:
    authority = Authority(desk.folder)
    good, wrong = authority.issue("localhost"), authority.issue("other.example")
    contexts = []
    for files in (good, wrong):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        contexts.append(context)
    text = desk.config.read_text("utf-8").replace('tls_ca = ""', f'tls_ca = "{authority.file.name}"')
    desk.config.write_text(text, "utf-8")
    async with answering(context=contexts[0]) as port, answering(context=contexts[1]) as other:
        desk.add_trunks(
            trunk("alive", f"localhost:{port}", "tls")
            + trunk("wrong", f"127.0.0.1:{other}", "tls", 'domain = "carrier.example"')
            + trunk("named", f"127.0.0.1:{other}", "tls", 'tls_server_name = "other.example"')
            + trunk("unverified", f"127.0.0.1:{other}", "tls", "tls_verify = false")
        )
        answer = await asyncio.to_thread(desk.json, "check")
    alive, wrong_row, named, unverified = answer["trunks"]
    assert alive["status"] == 200
    assert wrong_row["status"] is None
    assert "certificate: Hostname mismatch" in wrong_row["answer"]
    assert "carrier.example" in wrong_row["answer"]
    # They have the address of "wrong" too, and are asked by their own profile.
    assert (named["status"], unverified["status"]) == (200, 200)


def test_certificates_that_no_server_starts_with_are_told_at_once(desk: Any) -> None:
    """Whoever asks before a restart is to know it then."""
    authority = Authority(desk.folder)
    good, expired = authority.issue("localhost"), authority.issue("localhost", days=-1)
    sip, api = (
        f'tls_certificate = "{certificate.name}"\ntls_key = "{key.name}"\n'
        for certificate, key in ((good.certificate, expired.key), (expired.certificate, expired.key))
    )
    listen = 'listen = ["udp://127.0.0.1:5060", "tls://127.0.0.1:5061"]\n'
    desk.config.write_text(f"[sip]\n{listen}{sip}[api]\n{api}", "utf-8")
    status, out, err = desk.type("check")
    assert (status, out) == (1, "")
    of_sip, of_api = err.splitlines()
    assert of_sip == f"maskbridge: sip.tls_certificate: {expired.key}: is not the key of {good.certificate}"
    assert of_api.startswith(f"maskbridge: api.tls_certificate: {expired.certificate}: expired on ")
    desk.config.write_text(f"[sip]\n{listen}{sip.replace(expired.key.name, good.key.name)}", "utf-8")
    assert desk.json("check")["valid"] is True


async def test_an_unusable_authority_file_is_told(desk: Any) -> None:
    (desk.folder / "empty.pem").write_text("")
    text = desk.config.read_text("utf-8").replace('tls_ca = ""', 'tls_ca = "empty.pem"')
    desk.config.write_text(text, "utf-8")
    desk.add_trunks(trunk("x", "127.0.0.1:9", "tls"))
    answer = await asyncio.to_thread(desk.json, "check")
    [row] = answer["trunks"]
    assert row["answer"].startswith("cannot be asked (sip.tls_ca: ")
    assert row["answer"].endswith("empty.pem: holds no PEM certificate)")
    (note,) = [each for each in answer["notes"] if each.startswith("sip.tls_ca: ")]
    assert note.endswith("empty.pem: holds no PEM certificate; serve does not start with it")
