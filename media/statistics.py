"""What a leg's media was like, for records and metrics."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from media.packet_path.interface import StreamFigures
from media.rtp.stats import mean_opinion_score

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class LegStatistics(NamedTuple):
    """Figures of one leg. Loss, jitter and `mos` (1.0-4.5) are of what the leg sent to us; None: not known.

    `far_packets_lost` and `far_jitter_ms` are its own report of what we sent. `dropped` counts packets by reason.
    """

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    mos: float | None = None
    round_trip_ms: float | None = None
    codec: str | None = None
    far_packets_lost: int | None = None
    far_jitter_ms: float | None = None
    dropped: Mapping[str, int] = _NOTHING


def leg_statistics(figures: StreamFigures, codec: str | None) -> LegStatistics:
    """The statistics that follow from a stream's figures."""
    expected = figures.packets_received + figures.packets_lost
    mos = None
    if figures.packets_received:
        mos = mean_opinion_score(figures.packets_lost, expected, figures.jitter_ms, figures.round_trip_ms)
    return LegStatistics(
        figures.packets_sent,
        figures.packets_received,
        figures.packets_lost,
        round(figures.jitter_ms, 3),
        mos,
        figures.round_trip_ms,
        codec,
        figures.far_lost,
        figures.far_jitter_ms,
        figures.dropped,
    )
