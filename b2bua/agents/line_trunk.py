"""The trunk that leads to the agents' line: it stands in no configuration, and only the switch knows it."""

from typing import Final

from b2bua.config import Trunk, TrunkUri

LOOPBACK: Final = "127.0.0.1"
NAME: Final = "agents:line"  # as no trunk of a configuration can be called


def line_trunk(port: int, codecs: tuple[str, ...]) -> Trunk:
    """The trunk to the line that listens on this port of the loopback, with what browsers may speak, best first. It
    shows no number of its own."""
    uri = TrunkUri(LOOPBACK, port, "udp", f"sip:{LOOPBACK}:{port};transport=udp")
    return Trunk(name=NAME, uri=uri, codecs=codecs, options_interval_s=0, reliable_provisional="off")
