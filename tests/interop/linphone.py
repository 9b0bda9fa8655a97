"""Linphone's console client as a party: says a tone from a file, records what it hears, steered over its stdin."""

from pathlib import Path

from b2bua.demo.children import Child
from b2bua.demo.journal import Journal
from tests.interop.tones import Heard, heard_in, write_tone
from tests.support.free_ports import PortLease

_PORTS = 8

_CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port=0
sip_tls_port=0
contact="Phone" <sip:{number}@127.0.0.1>
guess_hostname=0
use_ipv6=0
default_proxy=-1
media_encryption={encryption}
{sip_section}
[rtp]
audio_rtp_port={rtp}
[video]
automatically_initiate=0
automatically_accept=0
[sound]
echocancellation=0
"""


class Linphone:
    """One running client. Calls to it are answered at once where `answers` is true."""

    def __init__(self, child: Child, folder: Path, lease: PortLease, lines: Journal[str]) -> None:
        self.sip_port = lease.first
        self._lease = lease
        self._child = child
        self._folder = folder
        self._lines = lines

    @classmethod
    async def start(
        cls,
        folder: Path,
        number: str,
        tone_hz: float,
        *,
        answers: bool = True,
        encryption: str = "none",
        sip_section: str = "",
        seconds: float = 40.0,
    ) -> "Linphone":
        """Start it on free ports. `sip_section`: further lines of its configuration, such as `session_expires...`."""
        _make_home(folder)
        lease = PortLease(_PORTS)
        first = lease.first
        says = write_tone(folder / "says.wav", tone_hz, seconds)
        config = folder / "linphonerc"
        config.write_text(
            _CONFIG.format(sip=first, rtp=first + 2, number=number, encryption=encryption, sip_section=sip_section)
        )
        lines: Journal[str] = Journal()
        argv = ["env", f"HOME={folder}", "linphonec", "-c", str(config), *(["-a"] if answers else [])]
        child = await Child.start(*argv, log=folder / "linphone.log", on_line=lines.add)
        phone = cls(child, folder, lease, lines)
        await phone.say("soundcard use files")
        await phone.heard_line("Using wav files")
        await phone.say(f"play {says}")
        await phone.say(f"record {folder / 'heard.wav'}")
        return phone

    async def say(self, command: str) -> None:
        """Type a command."""
        await self._child.say(command)

    async def heard_line(self, part: str, timeout_s: float = 15.0, since: int = 0) -> str:
        """The first line with `part` that it printed; an assertion fails when none comes."""
        found = await self._lines.wait_for(lambda line: part in line, timeout_s, since)
        assert found is not None, f"no {part!r} in {timeout_s:g} s: {self._lines.entries[-10:]}"
        return found

    async def stop(self) -> None:
        """End it."""
        await self._child.stop("quit", patience_s=8)
        self._lease.close()

    def heard(self) -> Heard:
        """What it heard in all."""
        return heard_in(self._folder / "heard.wav")


def _make_home(folder: Path) -> None:
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)
