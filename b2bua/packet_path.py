"""Which packet path `media.packet_path` stands for on this machine, and how the event loop watches for it."""

import asyncio
from collections.abc import Callable

from b2bua.config import Config, ConfigInvalid
from b2bua.config.sections import MediaSection
from media.engine import MediaSettings
from media.errors import PacketPathMissing
from media.packet_path.interface import Watch
from media.packet_paths import NATIVE, chosen, threads
from media.ports import kept_pairs_max


def packet_path_of(config: Config) -> str:
    """ "native" or "python"; ConfigInvalid where the one in C is wanted and has not been built."""
    try:
        return chosen(config.media.packet_path)
    except PacketPathMissing as error:
        raise ConfigInvalid([f"media.packet_path: {error}"]) from error


def described(packet_path: str) -> str:
    """What to tell an operator of it."""
    if packet_path != NATIVE:
        return "packets are carried in plain Python"
    many = threads()
    return f"packets are carried by compiled code, in {many} thread{'s' if many > 1 else ''}"


def watch_on(loop: asyncio.AbstractEventLoop) -> Watch:
    """Calls back on this loop."""

    def watch(descriptor: int, readable: Callable[[], None] | None) -> None:
        if readable is None:
            loop.remove_reader(descriptor)
        else:
            loop.add_reader(descriptor, readable)

    return watch


def media_settings(section: MediaSection, packet_path: str) -> MediaSettings:
    """The media room's settings of a configuration."""
    return MediaSettings(
        address=section.address,
        advertise=section.advertise,
        address_ipv6=section.address_ipv6,
        advertise_ipv6=section.advertise_ipv6,
        ports=(section.ports.first, section.ports.last),
        port_rest_s=section.port_rest_s,
        kept_pairs_max=kept_pairs_max(),
        timeout_early_s=section.rtp_timeout_early_s,
        timeout_s=section.rtp_timeout_s,
        timeout_hold_s=section.rtp_timeout_hold_s,
        packet_path=packet_path,
        dscp=section.dscp,
    )
