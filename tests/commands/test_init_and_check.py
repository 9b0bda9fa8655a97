"""`init` overwrites nothing and leaves an installation that `check` accepts; `check` tells all mistakes at once."""

import asyncio
import json
import os
import resource
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from b2bua.commands.line import run
from b2bua.demo.workplace import choose_ports
from b2bua.sip.location import Question
from b2bua.tokens import SystemTokens
from b2bua.transport.resolver import Resolver
from media.packet_paths import chosen
from tests.support.loopback_phone import LoopbackPhone


def test_init_leaves_all_that_is_needed(desk: Any) -> None:
    names = {str(path.relative_to(desk.folder)) for path in desk.folder.rglob("*") if path.is_file()}
    assert {"maskbridge.toml", "secrets/url_signing.key", "secrets/master.key", "var/maskbridge.db"} <= names
    for private in ("secrets/url_signing.key", "secrets/master.key", "var/maskbridge.db"):
        assert stat.S_IMODE((desk.folder / private).stat().st_mode) == 0o600, private
    assert stat.S_IMODE((desk.folder / "secrets").stat().st_mode) == 0o700
    keys = {(desk.folder / "secrets" / name).read_text() for name in ("url_signing.key", "master.key")}
    assert len(keys) == 2
    assert all(len(key.strip()) == 64 for key in keys)
    text = desk.config.read_text("utf-8")
    assert "file:secrets/url_signing.key" in text
    assert "file:secrets/master.key" in text
    assert keys.isdisjoint(set(text.split()))


def test_init_overwrites_nothing(desk: Any) -> None:
    before = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    status, out, err = desk.type("init", "--dir", str(desk.folder), config=False)
    assert (status, out) == (1, "")
    assert "exists" in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()} == before


def test_init_keeps_secrets_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "url_signing.key").write_text("mine" * 16)
    assert run(["init", "--dir", str(tmp_path), "--json"]) == 0
    assert (secrets / "url_signing.key").read_text() == "mine" * 16
    assert set(json.loads(capsys.readouterr().out)) == {"config", "secrets", "database"}


@pytest.mark.parametrize("room", [10, 5_000])
def test_init_can_be_typed_again_where_the_disk_refused_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], room: int
) -> None:
    """`room`: bytes a file may have; a secret has more than the first, the configuration more than the second."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        assert run(["init", "--dir", str(tmp_path)]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["init", "--dir", str(tmp_path)]) == 0
    assert all((tmp_path / "secrets" / name).stat().st_size > 60 for name in ("url_signing.key", "master.key"))
    assert "master_key" in (tmp_path / "maskbridge.toml").read_text("utf-8")


def test_check_accepts_what_init_wrote(desk: Any) -> None:
    answer = desk.json("check")
    assert answer["valid"] is True
    assert answer["trunks"] == []
    status, out, _ = desk.type("check")
    assert status == 0
    assert "the configuration is valid" in out
    assert "no trunk" in out


@pytest.mark.parametrize(("wanted", "words"), [("python", "plain Python"), ("native", "compiled code")])
def test_check_tells_what_carries_the_packets(
    desk: Any, monkeypatch: pytest.MonkeyPatch, wanted: str, words: str
) -> None:
    monkeypatch.setattr("media.packet_paths.NATIVE_BUILT", True)
    monkeypatch.setenv("MASKBRIDGE_MEDIA_PACKET_PATH", wanted)
    assert desk.json("check")["packet_path"] == wanted
    assert words in desk.type("check")[1]


def test_check_refuses_a_packet_path_that_has_not_been_built(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.packet_paths.NATIVE_BUILT", False)
    assert desk.json("check")["packet_path"] == "python"
    monkeypatch.setenv("MASKBRIDGE_MEDIA_PACKET_PATH", "native")
    assert "media.packet_path: the packet path in C has not been built" in desk.refused("check")


def test_check_tells_all_mistakes_at_once_and_the_nearest_key(desk: Any) -> None:
    text = desk.config.read_text("utf-8")
    text = text.replace('user_agent = "maskbridge"', 'user_agnet = "maskbridge"')
    text = text.replace('ports = "20000-29999"', 'ports = "29999-20000"')
    text = text.replace("max_concurrent = 1000", "max_concurrent = -1")
    text = text.replace('whisper_b = ""', 'whisper_b = "none.wav"')
    desk.config.write_text(text, "utf-8")
    for command in ("check", "serve"):
        status, out, err = desk.type(command)
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 4
    assert all(line.startswith("maskbridge: ") for line in err.splitlines())
    for part in ("user_agnet", "user_agent", "media.ports", "calls.max_concurrent", "prompts.whisper_b"):
        assert part in err


def test_what_init_writes_is_enough_to_seal_recordings(desk: Any) -> None:
    desk.config.write_text(desk.config.read_text("utf-8").replace("encrypt = false", "encrypt = true"), "utf-8")
    notes = desk.json("check")["notes"]
    assert not [note for note in notes if "storage.encrypt" in note or "master_key" in note]


def test_a_wrong_configuration_stops_every_command(desk: Any) -> None:
    desk.config.write_text('[sip]\nlisten = ["carrier pigeon"]\n', "utf-8")
    for command in (("org", "list"), ("calls",), ("serve",), ("trunks",)):
        assert "sip.listen" in desk.refused(*command)


def test_a_configuration_that_is_not_there_is_one_line(desk: Any) -> None:
    desk.config.unlink()
    assert "maskbridge.toml" in desk.refused("check")


def test_the_configuration_is_found_in_the_environment(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKBRIDGE_CONFIG", str(desk.config))
    monkeypatch.chdir(desk.folder.parent)
    status, out, _ = desk.type("org", "list", "--json", config=False)
    assert (status, json.loads(out)) == (0, {"data": []})


def test_settings_come_from_the_environment_too(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKBRIDGE_CALLS_MAX_CONCURRENT", "no number")
    assert "MASKBRIDGE_CALLS_MAX_CONCURRENT" in desk.refused("org", "list")


class Refusing(asyncio.DatagramProtocol):
    """A trunk that refuses everybody."""

    transport: asyncio.DatagramTransport

    def __init__(self, status_line: bytes) -> None:
        self.status_line = status_line

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        copied = [
            line for line in data.split(b"\r\n") if line.startswith((b"Via", b"From", b"To", b"Call-ID", b"CSeq"))
        ]
        self.transport.sendto(b"\r\n".join((self.status_line, *copied, b"Content-Length: 0", b"", b"")), addr)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, "404 Not Found: it is there, as any answer shows"),
        (405, "405 Method Not Allowed: it is there, as any answer shows"),
        (503, "503 Service Unavailable: as long as it says so, the trunk is down"),
        (408, "408 Request Timeout: as long as it says so, the trunk is down"),
    ],
)
async def test_check_takes_an_answer_for_what_the_server_takes_it_for(desk: Any, status: int, answer: str) -> None:
    line = f"SIP/2.0 {answer.partition(':')[0]}".encode()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Refusing(line), ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    desk.add_trunks(f'[[trunks]]\nname = "t"\nuri = "sip:127.0.0.1:{port}"\nnumbers = ["917969002802"]\n')
    try:
        (trunk,) = (await asyncio.to_thread(desk.json, "check"))["trunks"]
    finally:
        transport.close()
    assert (trunk["status"], trunk["answer"]) == (status, answer)


@pytest.mark.sockets
async def test_check_asks_each_trunk(desk: Any) -> None:
    ports = choose_ports(SystemTokens())
    phone = LoopbackPhone(ports.phone_a_sip, 40000)
    await phone.open()
    desk.add_trunks(
        f'[[trunks]]\nname = "alive"\nuri = "sip:127.0.0.1:{phone.port}"\nnumbers = ["917969002802"]\n'
        f'[[trunks]]\nname = "dead"\nuri = "sip:127.0.0.1:{ports.phone_b_sip}"\nnumbers = ["917969002802"]\n'
    )
    try:
        answer = await asyncio.to_thread(desk.json, "check")
    finally:
        phone.close()
    assert answer["packet_path"] == chosen()
    alive, dead = answer["trunks"]
    assert set(alive) == {"name", "uri", "status", "answer"}
    assert (alive["name"], alive["status"], alive["answer"]) == ("alive", 200, "200 OK")
    assert (dead["name"], dead["status"]) == ("dead", None)
    assert dead["answer"] == "no answer (the network, or its machine, refuses what is sent)"


@pytest.mark.sockets
async def test_check_tells_where_the_names_of_routes_lead(desk: Any) -> None:
    route = '[[routes]]\nmatch = "{}"\nto = "sip:{{user}}@{}"\nvia = "t"\n'
    desk.add_trunks(
        '[[trunks]]\nname = "t"\nuri = "sip:127.0.0.1:9"\n'
        + route.format("1.*", "localhost:5071")
        + route.format("2.*", "nowhere-at-all")
        + route.format("3.*", "192.0.2.1")
    )
    answer = await asyncio.to_thread(desk.json, "check")
    there, nowhere = answer["route_hosts"]
    assert there["name"] == "localhost:5071 by t"
    assert "udp:127.0.0.1:5071" in there["answer"]
    assert nowhere == {"name": "nowhere-at-all by t", "answer": "nowhere-at-all does not resolve"}


@pytest.mark.sockets
async def test_check_tells_of_a_name_that_no_listener_can_send_to(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers, and `serve` would say that it does not resolve."""

    async def of_system(_resolver: Resolver, question: Question) -> tuple[str, ...]:
        return ("::1",) if question == Question("six", "AAAA") else ()

    monkeypatch.setattr(Resolver, "_of_system", of_system)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Refusing(b"SIP/2.0 200 OK"), ("::1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    desk.add_trunks(
        f'[[trunks]]\nname = "t"\nuri = "sip:six:{port}"\nnumbers = ["917969002802"]\n'
        '[[routes]]\nmatch = ".*"\nto = "sip:{user}@six:5080"\nvia = "t"\n'
    )
    try:
        answer = await asyncio.to_thread(desk.json, "check")
    finally:
        transport.close()
    lacking = "; but it cannot be called: it is at udp:[::1]:{}, and sip.listen has no udp:// listener of IPv6"
    (found,), (host,) = answer["trunks"], answer["route_hosts"]
    assert (found["status"], found["answer"]) == (200, f"200 OK{lacking.format(port)}")
    assert host["answer"] == f"is at udp:[::1]:5080{lacking.format(5080)}"


def test_a_database_of_another_user_is_told_as_such(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object, **_options: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("storage.store.open_connection", refused)
    assert "another user" not in desk.refused("calls")
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert "unable to open database file; it belongs to another user: commands are for" in desk.refused("calls")


def test_a_database_of_ones_own_that_takes_no_writing_is_told_as_such(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that was mounted anew, read-only, after a fault: whose it is has nothing to do with it."""

    def refused(*_given: object, **_options: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("storage.store.open_connection", refused)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    told = desk.refused("calls")
    assert "another user" not in told
    assert "the file, or the disk that it is on, takes no writing" in told
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(desk.folder).st_uid + 1)
    assert "it belongs to another user" in desk.refused("calls")


@pytest.mark.parametrize("below", ["", "/2025"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("recordings", "var/recordings"),
        ("prompts", "var/prompts"),
        ("url", "sqlite:///var"),
    ],
)
def test_check_tells_that_something_is_to_be_kept_in_a_file(desk: Any, key: str, value: str, below: str) -> None:
    (desk.folder / "kept").write_text("something else")
    text = desk.config.read_text("utf-8")
    rest = "/maskbridge.db" if key == "url" else ""
    there = value.removesuffix("var/" + key).removesuffix("var") + f"kept{below}"
    desk.config.write_text(text.replace(f'{key} = "{value}{rest}"', f'{key} = "{there}{rest}"'), "utf-8")
    assert desk.refused("check") == f"maskbridge: storage.{key}: {desk.folder / 'kept'}: is no folder\n"


@pytest.mark.parametrize("name", ["maskbridge.toml", "secrets"])
def test_check_tells_what_is_not_a_database(desk: Any, name: str) -> None:
    text = desk.config.read_text("utf-8")
    desk.config.write_text(text.replace("sqlite:///var/maskbridge.db", f"sqlite:///{name}"), "utf-8")
    assert desk.refused("check") == f"maskbridge: storage.url: {desk.folder / name} is not a database\n"


def test_check_tells_all_places_that_cannot_be_looked_for(desk: Any) -> None:
    text = desk.config.read_text("utf-8")
    for kept in ("var/recordings", "var/prompts", "var/maskbridge.db"):
        text = text.replace(kept, f"{'n' * 300}/{kept}")
    desk.config.write_text(text, "utf-8")
    status, _, err = desk.type("check")
    assert status == 1
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        "storage.recordings",
        "storage.prompts",
        "storage.url",
    ]
    assert err.count("File name too long") == 3


def test_check_tells_of_routes_whose_organisation_there_is_not(desk: Any) -> None:
    org_id = desk.json("org", "create", "Pilot")["org_id"]
    route = '[[routes]]\nto = "sip:{{user}}@192.0.2.79"\nvia = "carrier"\nmatch = "{}"\norg = "{}"\n'
    desk.add_trunks(
        """
        [[trunks]]
        name = "carrier"
        uri = "sip:127.0.0.1:9"
        numbers = []
        """
        + route.format("91.*", org_id)
        + route.format("92.*", "Pilot")
    )
    (note,) = [each for each in desk.json("check")["notes"] if each.startswith("routes")]
    assert note.startswith("routes[#2].org: there is no organisation Pilot")
    (desk.folder / "var/maskbridge.db").unlink()
    assert [each for each in desk.json("check")["notes"] if each.startswith("routes")] == []
    assert not (desk.folder / "var/maskbridge.db").exists()
    (desk.folder / "var/maskbridge.db").touch()
    assert [each for each in desk.json("check")["notes"] if each.startswith("routes")] == []
    assert (desk.folder / "var/maskbridge.db").stat().st_size == 0
