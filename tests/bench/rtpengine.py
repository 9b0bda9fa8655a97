"""rtpengine, where it is installed, as one more relay to measure: its userspace path, one thread, no kernel module."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.media_load import Load, RelayCost, measure_ports
from tests.bench.media_stage import description

_PORTS: Final = (31_000, 38_999)
_ANSWER_S: Final = 2.0
_START_S: Final = 10.0


def is_installed() -> bool:
    """Whether it can be measured here."""
    return shutil.which("rtpengine") is not None


def measure_rtpengine(load: Load) -> RelayCost:
    """The same load through it."""
    with _running(load.programs.load.parent) as (pid, control):
        return measure_ports(load, pid, control.settle)


class Control:
    """Its `ng` protocol: a cookie and a bencoded dictionary in one datagram, answered in kind."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(_ANSWER_S)
        self._asked = 0

    def ask(self, command: Mapping[str, object]) -> dict[bytes, object]:
        """One command; OSError without an answer, ValueError for a refusal."""
        self._asked += 1
        cookie = f"c{self._asked} ".encode()
        self._socket.send(cookie + bencode(dict(command)))
        while not (reply := self._socket.recv(65_535)).startswith(cookie):
            pass
        answer, _ = bdecode(reply, len(cookie))
        assert isinstance(answer, dict)
        if answer.get(b"result") not in (b"ok", b"pong"):
            raise ValueError(f"rtpengine: {answer}")
        return answer

    def settle(self, parties: list[int]) -> list[int]:
        """Each two parties become a call: the ports that they are to send to."""
        ports = []
        for call in range(len(parties) // 2):
            a, b = parties[2 * call : 2 * call + 2]
            about = {"call-id": f"call{call}", "from-tag": "a", "replace": ["origin"]}
            offered = self.ask({**about, "command": "offer", "sdp": description(a, "")})
            answered = self.ask({**about, "command": "answer", "to-tag": "b", "sdp": description(b, "")})
            # What A is told is where A sends to, and the other way round.
            ports += [_port(answered), _port(offered)]
        return ports

    def close(self) -> None:
        """Give back the socket."""
        self._socket.close()


def _port(answer: dict[bytes, object]) -> int:
    sdp = answer[b"sdp"]
    assert isinstance(sdp, bytes)
    return int(sdp.partition(b"m=audio ")[2].split()[0])


@contextmanager
def _running(folder: Path) -> Iterator[tuple[int, Control]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["rtpengine", "--foreground", "--table=-1", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{port}"]
    argv += [f"--port-min={_PORTS[0]}", f"--port-max={_PORTS[1]}", "--log-stderr", "--log-level=2"]
    argv += ["--no-redis-required", f"--pidfile={folder / 'rtpengine.pid'}", "--num-threads=1"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        control = Control(port)
        try:
            _wait_for(control)
            yield child.pid, control
        finally:
            control.close()
            child.kill()


def _wait_for(control: Control) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            control.ask({"command": "ping"})
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def bencode(value: object) -> bytes:
    """Strings, integers, lists and dictionaries."""
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%b" % (len(value), value)
        case str():
            return bencode(value.encode())
        case list():
            return b"l" + b"".join(map(bencode, value)) + b"e"
        case dict():
            return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    raise TypeError(f"{type(value)} cannot be bencoded")


def bdecode(content: bytes, at: int = 0) -> tuple[object, int]:
    """The value at a place, and the place behind it."""
    kind = content[at : at + 1]
    if kind == b"i":
        end = content.index(b"e", at)
        return int(content[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        values: list[object] = []
        at += 1
        while content[at : at + 1] != b"e":
            value, at = bdecode(content, at)
            values.append(value)
        return (values if kind == b"l" else dict(zip(values[::2], values[1::2], strict=True))), at + 1
    colon = content.index(b":", at)
    size = int(content[at:colon])
    return content[colon + 1 : colon + 1 + size], colon + 1 + size
