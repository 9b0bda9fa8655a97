"""What the packet path needs of who turns one codec's audio into another's."""

from typing import Protocol


class Converter(Protocol):
    """Takes one source's packets that are to be decoded and encoded anew; the result comes back by `send_audio`.

    Who only listens to a source takes them in the same way.
    """

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        """Take a packet as it came: lost ones are missing, late ones come late, none comes twice. Called in the packet
        path's thread: never blocks, drops and counts at its limit.

        `arrival` in monotonic seconds; `timestamp` in the clock of `codec` (its number in `media.codecs.table`);
        `marker` 0 or 0x80. The source's telephone-events and comfort noise are put too, so that their sequence numbers
        do not look lost.
        """
        ...


class Conversion:
    """A source's audio as its converter gives it back: for the outbound half a source of its own."""

    __slots__ = ("converter",)

    def __init__(self, converter: Converter) -> None:
        self.converter = converter
