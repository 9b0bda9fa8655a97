"""Which offer of a dialog still waits for its answer (RFC 3264 section 4, RFC 3311 section 5)."""

from typing import Final

SENT: Final = "sent"
RECEIVED: Final = "received"

Exchange = tuple[str, int]
"""The request that began an exchange of offer and answer: whose it is (`SENT` by us, or `RECEIVED`), and its CSeq."""


class OpenOffers:
    """The exchange that is open in one dialog.

    `ours`: the one in which our offer has no answer yet; `theirs`: the one in which we owe the answer. An INVITE counts
    from its start even when it holds no offer: one is due in its answer, and no other may come in between. It is over
    with its answer, in a reliable provisional response as well as in a 2xx; the INVITE itself may then go on.
    `update`: the CSeq of our UPDATE that has no final response yet, with an offer or without.
    """

    __slots__ = ("ours", "theirs", "update")

    def __init__(self) -> None:
        self.ours: Exchange | None = None
        self.theirs: Exchange | None = None
        self.update: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an offer of either side waits, so that none may be made."""
        return self.ours is not None or self.theirs is not None

    def sent(self, method: str, cseq: int, *, has_offer: bool) -> None:
        """A request of ours goes out."""
        if method == "UPDATE":
            self.update = cseq
        if has_offer or method == "INVITE":
            self.ours = (SENT, cseq)

    def sent_again(self, before: int, cseq: int) -> None:
        """The same request has gone out again with credentials."""
        if self.ours == (SENT, before):
            self.ours = (SENT, cseq)
        if self.update == before:
            self.update = cseq

    def received(self, method: str, cseq: int, *, has_offer: bool) -> None:
        """A request of the peer goes to our user."""
        if has_offer or method == "INVITE":
            self.theirs = (RECEIVED, cseq)

    def turn(self, cseq: int) -> None:
        """Our response to this INVITE of the peer, which had no offer, makes one: the answer is the peer's to give."""
        if self.theirs == (RECEIVED, cseq):
            self.theirs = None
            self.ours = (RECEIVED, cseq)

    def end_theirs(self, cseq: int) -> None:
        """This request of the peer has its final response: what it offered is answered, or will not be."""
        if self.theirs == (RECEIVED, cseq):
            self.theirs = None

    def close(self, whose: str, cseq: int) -> None:
        """The exchange is over: answered, or its request refused or given up."""
        exchange = (whose, cseq)
        if self.ours == exchange:
            self.ours = None
        if self.theirs == exchange:
            self.theirs = None
        if whose == SENT and self.update == cseq:
            self.update = None
