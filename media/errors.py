"""What media refuses, and why."""


class MediaError(Exception):
    """Any refusal of the media engine."""


class PortsExhausted(MediaError):
    """No free even/odd port pair in the configured range, or no socket of the system for one; the text says which."""


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


class BrowserRefused(MediaError):
    """Any refusal of the gateway for browsers."""


class UnusableBrowserOffer(BrowserRefused):
    """A browser's offer that cannot be answered; the text says what is wrong, never what was in it."""


class NoSharedCodec(UnusableBrowserOffer):
    """A browser's offer without any of the codecs that are wished for."""


class UnusableFragment(BrowserRefused):
    """A fragment of candidates (RFC 8840) that cannot be taken: none, of another ICE session, with too many."""


class UnknownBrowser(BrowserRefused):
    """No session of this name is open in the gateway for browsers."""


class TooManyBrowsers(BrowserRefused):
    """The gateway has as many sessions as it may have."""


class BrowserPortsExhausted(BrowserRefused):
    """No free UDP port for another browser, or no socket of the system for one."""


class GatewayClosed(BrowserRefused):
    """The gateway for browsers is not running."""


class TooManySupervisors(MediaError):
    """A call has as many supervisors as it may have."""
