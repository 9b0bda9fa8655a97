"""Kamailio as a carrier's session border controller, and rtpengine as its media side."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path

from b2bua.demo.children import Child
from tests.support.free_ports import PortLease

USERNAME, PASSWORD, REALM = "masking", "open sesame", "carrier.example"
TEMPLATE = Path(__file__).with_name("kamailio.cfg")

_CHALLENGE = """\
if (is_method("INVITE") && !pv_proxy_authenticate("{realm}", "{password}", "0")) {{
			auth_challenge("{realm}", "1");
			exit;
		}}
		consume_credentials();"""
_NUMBER = """\
if ($rU =~ "{number}$") {{
		$rd = "127.0.0.1";
		$rp = {port};
		t_relay();
		exit;
	}}"""
_MEDIA_OFFER = 'if (has_body("application/sdp")) { rtpengine_manage("replace-origin replace-session-connection"); }'
_MEDIA_ANSWER = 'if (has_body("application/sdp")) { rtpengine_manage("replace-origin replace-session-connection"); }'
_PORTS = 4
_RELAY_PORTS = 60


class Carrier:
    """A running Kamailio, with an rtpengine where asked for."""

    def __init__(self, children: list[Child], lease: PortLease) -> None:
        self.sip_port = lease.first
        self.tls_port = lease.first + 1
        self._lease = lease
        self._children = children

    @classmethod
    async def start(
        cls,
        folder: Path,
        numbers: Mapping[str, int],
        *,
        challenges: bool = False,
        algorithm: str = "",
        media: bool = False,
        certificate: Path | None = None,
        key: Path | None = None,
        authority: Path | None = None,
    ) -> "Carrier":
        """Start it on free ports of loopback; `numbers` are the ports of the phones by what a called number ends with.

        `media`: rtpengine stands in the path of RTP. With a certificate and key it listens on TLS too,
        and with an authority it takes nobody there without a certificate of that one.
        """
        _make(folder)
        lease = PortLease(_PORTS + _RELAY_PORTS)
        first = lease.first
        children = []
        engine_port = first + 2
        if media:
            children.append(await _rtpengine(folder, engine_port, first + _PORTS))
        text = _fill(
            {
                "SIP_PORT": str(first),
                "PASSWORD": PASSWORD,
                "LISTEN_TLS": f"enable_tls=yes\nlisten=tls:127.0.0.1:{first + 1}" if certificate else "",
                "LOAD_TLS": _tls(certificate, key, authority),
                "LOAD_RTPENGINE": _engine(engine_port) if media else "",
                "ALGORITHM": f'modparam("auth", "algorithm", "{algorithm}")' if algorithm else "",
                "CHALLENGE": _CHALLENGE.format(realm=REALM, password=PASSWORD) if challenges else "",
                "MEDIA_OFFER": _MEDIA_OFFER if media else "",
                "MEDIA_ANSWER": _MEDIA_ANSWER if media else "",
                "NUMBERS": "\n\t".join(_NUMBER.format(number=ends, port=port) for ends, port in numbers.items()),
            }
        )
        config = folder / "kamailio.cfg"
        config.write_text(text)
        argv = ["kamailio", "-DD", "-f", str(config), "-Y", str(folder), "-w", str(folder), "-m", "64", "-M", "8"]
        child = await Child.start(*argv, log=folder / "kamailio.log")
        children.append(child)
        await answering(first, child)
        return cls(children, lease)

    async def stop(self) -> None:
        """End them."""
        for child in reversed(self._children):
            await child.stop()
        self._lease.close()


def _make(folder: Path) -> None:
    folder.mkdir(parents=True)


def _fill(values: Mapping[str, str]) -> str:
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text.replace("@NAME@", "What stands between at-signs")


def _tls(certificate: Path | None, key: Path | None, authority: Path | None) -> str:
    if certificate is None or key is None:
        return ""
    mutual = ""
    if authority is not None:
        mutual = (
            f'modparam("tls", "ca_list", "{authority}")\n'
            'modparam("tls", "verify_certificate", 1)\nmodparam("tls", "require_certificate", 1)\n'
        )
    return (
        'loadmodule "tls.so"\n'
        'modparam("tls", "tls_method", "TLSv1.2+")\n'
        f'modparam("tls", "certificate", "{certificate}")\n'
        f'modparam("tls", "private_key", "{key}")\n'
        f"{mutual}"
    )


def _engine(port: int) -> str:
    return f'loadmodule "rtpengine.so"\nmodparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{port}")'


async def _rtpengine(folder: Path, port: int, relay: int) -> Child:
    argv = ["rtpengine", "--foreground", "--table=-1", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{port}"]
    argv += [
        f"--port-min={relay}",
        f"--port-max={relay + _RELAY_PORTS - 1}",
        "--log-stderr",
        "--log-level=6",
        "--no-redis-required",
    ]
    argv += [f"--pidfile={folder / 'rtpengine.pid'}", "--num-threads=1"]
    return await Child.start(*argv, log=folder / "rtpengine.log")


async def answering(port: int, child: Child) -> None:
    """Wait until it answers an OPTIONS."""
    asked = (
        f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKready;rport\r\n"
        "Max-Forwards: 5\r\nFrom: <sip:t@127.0.0.1>;tag=1\r\nTo: <sip:t@127.0.0.1>\r\nCall-ID: ready\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.bind(("127.0.0.1", 0))
        async with asyncio.timeout(15):
            while True:
                assert child.running, child.last_words()
                with contextlib.suppress(OSError):
                    await loop.sock_sendto(probe, asked, ("127.0.0.1", port))
                with contextlib.suppress(TimeoutError, OSError):
                    await asyncio.wait_for(loop.sock_recv(probe, 2048), 0.2)
                    return
