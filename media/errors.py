"""What media refuses, and why."""


class MediaError(Exception):
    """Any refusal of the media engine."""


class PortsExhausted(MediaError):
    """No free even/odd port pair in the configured range."""


class UnusableSdp(MediaError):
    """An SDP body that cannot be parsed, or whose offer or answer cannot be used: no common codec, audio refused,
    encrypted."""


class MalformedSdp(UnusableSdp):
    """An SDP body that is none: it cannot be parsed."""


class UnusableCrypto(UnusableSdp):
    """An a=crypto line that cannot be used; never says anything of its key."""


class UnknownLeg(MediaError):
    """No media leg of this name is open."""


class MediaOverloaded(MediaError):
    """The packet path has more commands waiting than it may have."""


class PromptUnusable(MediaError):
    """A prompt's file that cannot be played: missing, no WAV, too long, silent; the text says which."""


class UndecodableAudio(MediaError):
    """A payload that is not what its payload type says."""


class PacketPathMissing(MediaError):
    """The packet path in C is wanted and has not been built."""
