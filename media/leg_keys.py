"""Our own SRTP keys of one leg: one for each suite, the same for as long as it is of use."""

from collections.abc import Callable

from media.rtp.srtp import OFFERED, Suite
from media.sdp.crypto import CryptoLine


class LegKeys:
    """What we offer and answer with. `new_key` gives unpredictable bytes.

    A key stays the same from offer to offer, so that a refreshed session is the same session. One that was sent with
    and is not any more is never used again: its packet numbers would begin anew, and with them the keystream
    (RFC 3711 section 9.1).
    """

    def __init__(self, suites: tuple[Suite, ...], new_key: Callable[[int], bytes]) -> None:
        self.suites = suites
        self._new_key = new_key
        self._masters: dict[Suite, bytes] = {}
        self._in_use: Suite | None = None

    def twin(self) -> "LegKeys":
        """The same keys, apart from these from now on."""
        twin = LegKeys(self.suites, self._new_key)
        twin._masters, twin._in_use = dict(self._masters), self._in_use
        return twin

    def offered(self) -> tuple[CryptoLine, ...]:
        """The lines of an offer, in the order of preference; the suite in use is among them."""
        suites = (suite for suite in self.suites if suite in OFFERED or suite == self._in_use)
        return tuple(CryptoLine(tag, suite, self._master(suite)) for tag, suite in enumerate(suites, 1))

    def answering(self, chosen: CryptoLine) -> CryptoLine:
        """Our line in the answer to an offer whose `chosen` line is accepted (RFC 4568 section 5.1.2)."""
        return CryptoLine(chosen.tag, chosen.suite, self._master(chosen.suite))

    def settled(self, ours: CryptoLine | None) -> None:
        """An exchange ended with this line of ours; None: with plain RTP."""
        if self._in_use is not None and (ours is None or ours.suite != self._in_use):
            self._masters.pop(self._in_use, None)
        self._in_use = None
        if ours is not None:
            self._in_use = ours.suite
            self._masters[ours.suite] = ours.master

    def _master(self, suite: Suite) -> bytes:
        if suite not in self._masters:
            self._masters[suite] = self._new_key(suite.master_bytes)
        return self._masters[suite]
