"""Which legs' audio is listened to for keys (DTMF in the audio), and who is told."""

from collections.abc import Callable

from media.events import DigitHeard
from media.packet_path.interface import PacketPath
from media.rtp.dtmf import PressedDigit
from media.transcoding.transcoder import Transcoder


class HeardKeys:
    """Listens to legs in the transcoder's thread, which is started with the first of them. `tell` is called there."""

    def __init__(
        self, path: PacketPath, transcoder: Transcoder, tell: Callable[[DigitHeard], object], *, threaded: bool = True
    ) -> None:
        """`threaded` False: somebody else calls the transcoder's turns."""
        self._path = path
        self._transcoder = transcoder
        self._tell = tell
        self._threaded = threaded

    def begin(self, stream: int, leg: str) -> None:
        """Listen to a stream. MediaOverloaded where there is no room for that."""
        if self._threaded:
            self._transcoder.start()

        def heard(press: PressedDigit) -> None:
            self._tell(DigitHeard(leg, press.digit, press.duration_ms))

        self._path.set_listener(stream, self._transcoder.listen(stream, heard))

    def end(self, stream: int) -> None:
        """Listen no more; harmless where nobody does."""
        self._transcoder.listen_no_more(stream)
