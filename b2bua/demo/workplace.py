"""The demo's folder, its free ports, and the configuration made for them."""

import json
import socket
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2bua.demo.children import product, run_once
from b2bua.tokens import Tokens

PARTY_A: Final = "9876543210"
PARTY_B: Final = "9123456789"
MASKED_NUMBER: Final = "917969002802"
#: RTP ports are looked for here: below where the kernel gives ports to whoever asks.
_RTP_FROM: Final = 20_000
_RTP_SPAN: Final = 12_000
_MOST_TRIES: Final = 50
MEDIA_PORTS: Final = 80
PHONE_PORTS: Final = 20


class NoFreePorts(Exception):
    """The machine has no run of free UDP ports to give."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The free ports of one demo, chosen as it starts; `*_rtp` are the first ports of a run."""

    sip: int
    api: int
    phone_a_sip: int
    phone_b_sip: int
    media_rtp: int
    phone_a_rtp: int
    phone_b_rtp: int


def choose_ports(tokens: Tokens) -> Ports:
    """Free ports on loopback. Raises `NoFreePorts`."""
    with ExitStack() as stack:
        kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_DGRAM)
        bound = [stack.enter_context(closing(_bound(kind))) for kind in kinds]
        sip, api, phone_a, phone_b = (int(each.getsockname()[1]) for each in bound)
    run = free_run(tokens, MEDIA_PORTS + 2 * PHONE_PORTS)
    return Ports(sip, api, phone_a, phone_b, run, run + MEDIA_PORTS, run + MEDIA_PORTS + PHONE_PORTS)


def choose_folder(keep: Path | None) -> Path:
    """A new folder for this run: a temporary one, or the next `demo-N` in the folder that is to be kept."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="maskbridge-demo-"))
    number = 1
    while (keep / f"demo-{number}").exists():
        number += 1
    folder = (keep / f"demo-{number}").resolve()
    folder.mkdir(parents=True)
    return folder


async def write_configuration(folder: Path, ports: Ports, carrier_port: int) -> Path:
    """What `maskbridge init` makes, with the demo's settings written over it; the configuration file."""
    await run_once(*product("init", "--dir", str(folder)))
    file = folder / "maskbridge.toml"
    settings: dict[str, object] = tomllib.loads(file.read_text("utf-8"))
    for section, values in _settings(ports).items():
        existing = settings.get(section)
        settings[section] = {**existing, **values} if isinstance(existing, dict) else values
    settings["trunks"] = [_trunk(carrier_port)]
    settings.pop("routes", None)
    file.write_text(to_toml(settings), "utf-8")
    return file


def _settings(ports: Ports) -> dict[str, dict[str, object]]:
    return {
        "sip": {"listen": [f"udp://127.0.0.1:{ports.sip}"]},
        "media": {"address": "127.0.0.1", "ports": f"{ports.media_rtp}-{ports.media_rtp + MEDIA_PORTS - 1}"},
        "api": {"listen": f"127.0.0.1:{ports.api}", "public_url": f"http://127.0.0.1:{ports.api}"},
        "webhooks": {"allow_private_targets": True},
    }


def _trunk(carrier_port: int) -> dict[str, object]:
    return {
        "name": "toy-carrier",
        "uri": f"sip:127.0.0.1:{carrier_port}",
        "numbers": [MASKED_NUMBER],
        # mu-law first: what pyVoIP sends as A-law is mu-law too.
        "codecs": ["PCMU", "PCMA"],
        "options_interval_s": 1,
    }


def to_toml(settings: Mapping[str, object]) -> str:
    """Settings as TOML: tables and arrays of tables one level deep, values of strings, numbers, booleans, arrays."""
    lines = [f"{key} = {_value(value)}" for key, value in settings.items() if not _is_table(value)]
    for name, value in settings.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *_pairs(value)]
        elif isinstance(value, list) and _is_table(value):
            for table in value:
                lines += ["", f"[[{name}]]", *_pairs(table)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _pairs(table: Mapping[str, object]) -> Iterable[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: object) -> str:
    # Booleans, numbers, arrays of them and strings are written in JSON as they are in TOML, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bound(kind: socket.SocketKind, port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, kind)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def free_run(tokens: Tokens, length: int) -> int:
    """The first of `length` free UDP ports in a row, an even one. Raises `NoFreePorts`."""
    for _ in range(_MOST_TRIES):
        first = _RTP_FROM + 2 * (tokens.integer(32) % ((_RTP_SPAN - length) // 2))
        if all(_is_free(port) for port in range(first, first + length)):
            return first
    raise NoFreePorts(f"no {length} free UDP ports in a row between {_RTP_FROM} and {_RTP_FROM + _RTP_SPAN}")


def _is_free(port: int) -> bool:
    try:
        _bound(socket.SOCK_DGRAM, port).close()
    except OSError:
        return False
    return True
