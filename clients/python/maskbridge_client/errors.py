"""What can go wrong with a request."""


class MaskbridgeError(Exception):
    """Any failure of a request."""


class Refused(MaskbridgeError):
    """The server answered with an error: its HTTP status and what its body says."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class Unreachable(MaskbridgeError):
    """There was no answer: no connection, or none that lasted."""


class UnexpectedReply(MaskbridgeError):
    """The answer is not of the documented shape."""
