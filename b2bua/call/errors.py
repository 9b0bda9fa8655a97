"""Why a command about a call is refused. `control_api.errors` gives each its HTTP status."""


class CallError(Exception):
    """Any refusal; the text is a sentence a client may read."""


class InvalidParties(CallError):
    """The parties are the same, or one is neither a valid mobile number nor an allowed `sip:` URI."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidPrompts(CallError):
    """A prompt was chosen that there is not, or that may not be played there, or its file cannot be used; `field` names
    the choice, where it is one."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class PromptNotFound(CallError):
    """No such prompt of this organisation."""


class PromptInUse(CallError):
    """A prompt cannot go while it is chosen, or no more fit."""


class PromptsUnavailable(CallError):
    """A prompt cannot be converted or kept now."""


class BalanceInsufficient(CallError):
    """The available balance does not cover the first pulse."""

    def __init__(self) -> None:
        super().__init__("Insufficient balance. Please add funds to continue making calls.")


class OrganisationSuspended(CallError):
    """The operator lets the organisation place no calls."""

    def __init__(self) -> None:
        super().__init__("The organisation is suspended. Please ask the operator.")


class RehearsalsOff(CallError):
    """The operator has test calls switched off, or the service stops."""

    def __init__(self) -> None:
        super().__init__("Test calls are switched off here.")


class CapacityExhausted(CallError):
    """No masked number, every trunk down, a call or CPS limit reached, no media port, draining, or no store."""

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OrganisationFull(CapacityExhausted):
    """An organisation has as many calls as it may have at once, which is nobody else's affair."""

    def __init__(self) -> None:
        super().__init__("The organisation's limit of concurrent calls is reached.")


class NotOwnNumbers(CapacityExhausted):
    """None of the numbers at hand is one of the organisation's own, which are `numbers`."""

    def __init__(self, numbers: tuple[str, ...]) -> None:
        super().__init__("None of the organisation's masked numbers is free.")
        self.numbers = numbers


class IdempotencyConflict(CallError):
    """The Idempotency-Key was used with another body."""


class CallNotFound(CallError):
    """No such call of this organisation."""


class CallStillLive(CallError):
    """The call lives, and its recording is being written."""


class RecordingNotFound(CallError):
    """The call has no recording, or none any more."""


class NotRecorded(CallError):
    """The call is not being recorded: it was not to be, it is not bridged yet, or the disk ended it."""


class TooManyPauses(CallError):
    """The recording of the call has been paused as often as it can be."""


class RecordingUnreadable(CallError):
    """The recording is there and cannot be read: its key is missing, or its file is not as it was written."""


class NotConnected(CallError):
    """The two parties do not talk to each other yet, or no more."""


class TooManyStreams(CallError):
    """A call, or all calls together, have as many streams as they may."""


class UnusableOffer(CallError):
    """An SDP offer of a browser, or candidates of one, that cannot be used; `field` is where they were."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class TooManySupervisors(CallError):
    """A call, or all calls together, have as many supervisors as they may."""


class NoSuchSupervisor(CallError):
    """No such supervisor of this call."""


class CallAlreadyEnded(CallError):
    """The call has already ended."""


class AgentsOff(CallError):
    """The operator has no browsers answered here, or the service stops."""

    def __init__(self) -> None:
        super().__init__("Calls are not answered in browsers here.")


class AgentCallNotFound(CallError):
    """The agent has no such call now."""

    def __init__(self) -> None:
        super().__init__("You have no such call.")


class AgentCallConflict(CallError):
    """The call cannot do this as it stands: another browser answers it, or it has not been answered."""


class BrowserOfferRefused(CallError):
    """A browser's SDP, or its fragment of one, cannot be used."""


class IceSessionGone(CallError):
    """The ICE session that a browser names is not the present one."""

    def __init__(self) -> None:
        super().__init__("The ICE session has been restarted since.")
