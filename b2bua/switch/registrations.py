"""Registers with the trunks whose profile asks for it, and tells them how that stands (RFC 3261 section 10)."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.identity import host_of, host_port_of
from b2bua.sip.digest import Credentials
from b2bua.sip.message import Response
from b2bua.sip.registration import (
    IDLE,
    LONGEST_RETRY_AFTER_S,
    REGISTERED,
    Output,
    Register,
    Registration,
    RegistrationTold,
    is_server_failure,
)
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest
from b2bua.sip.uri import Uri, escape_user
from b2bua.switch.health import ASKED_TO_BE_LEFT_ALONE
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint

SPREAD_S: Final = 0.05
"""Between the first REGISTER to one trunk and that to the next."""
_TOO_BRIEF: Final = 423  # the same destination is asked for a longer life


class _Account:
    """One trunk's registration: its Call-ID and From tag for good.

    `user` is the user part of the address of record and of the Contact, escaped. `destination` is where the last one
    went, `contact` what it told there, `tried` where this round has failed, `bound` where the binding was made, as long
    as its connection stands. `home`: where the last one was taken, until it is known to have come to nothing. `held`:
    those that have asked to be left alone, and until when.
    """

    __slots__ = (
        "alarm",
        "bound",
        "call_id",
        "contact",
        "destination",
        "from_tag",
        "held",
        "home",
        "machine",
        "tried",
        "trunk",
        "user",
    )

    def __init__(
        self, trunk: Trunk, tokens: Tokens, scheduler: Scheduler, on_due: "Callable[[_Account], None]"
    ) -> None:
        self.trunk = trunk
        self.user = escape_user(trunk.contact_user or "")
        self.call_id = tokens.hex(32)
        self.from_tag = tokens.hex(16)
        self.machine = Registration(tokens)
        self.alarm = Alarm(scheduler, partial(on_due, self))
        self.destination: TransportAddress | None = None
        self.bound: TransportAddress | None = None
        self.home: TransportAddress | None = None
        self.contact: Uri | None = None
        self.tried: set[TransportAddress] = set()
        self.held: dict[TransportAddress, float] = {}

    def next_destination(self, now: float, *, ending: bool = False) -> TransportAddress | None:
        """Where we are registered while that is one of the trunk's, then the first not tried in this round, None after
        all. Those that are to be left alone are passed over; those that do not answer come after the others, unless it
        is `ending`, which concerns the one that has it."""
        self.held = {each: until for each, until in self.held.items() if now < until}
        left = [each for each in self.trunk.destinations if each not in self.tried and each not in self.held]
        first = left if ending else self.trunk.open_among(left, now) or left
        return self.home if self.home in first else next(iter(first), None)

    def plan(self, register: Register, destination: TransportAddress) -> OutgoingRequest:
        """The REGISTER as it is sent."""
        config = self.trunk.config
        record = f"sip:{self.user}@{host_of(config)}"
        return OutgoingRequest(
            method="REGISTER",
            request_uri=f"sip:{host_port_of(config)}",
            from_uri=record,
            to_uri=record,
            destination=destination,
            headers=(("Contact", f"<{self.contact}>"), ("Expires", str(register.expires_s))),
            credentials=Credentials(config.auth_username, config.auth_password),
            call_id=self.call_id,
            from_tag=self.from_tag,
            cseq=register.cseq,
        )


class Registrations:
    """The registrations of all trunks. `start` once the endpoint sends, `stop` before it ends."""

    def __init__(
        self, trunks: Trunks, scheduler: Scheduler, tokens: Tokens, endpoint: Callable[[], SipEndpoint]
    ) -> None:
        self._trunks = trunks
        self._scheduler = scheduler
        self._endpoint = endpoint
        self._accounts = [_Account(trunk, tokens, scheduler, self._due) for trunk in trunks if trunk.config.register]
        self._open: dict[int, _Account] = {}
        self._on_stopped: Callable[[], None] | None = None
        trunks.on_lost = self._lost

    def start(self) -> None:
        """Register with each, a little apart."""
        for position, account in enumerate(self._accounts):
            account.alarm.set(self._scheduler.time() + position * SPREAD_S)

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Take all of them back; `on_stopped` is called when that is done, at most `GIVE_UP_S` from now."""
        self._on_stopped = on_stopped
        for account in self._accounts:
            self._perform(account, account.machine.stop(self._scheduler.time()))
        self._tell_if_stopped()

    def close(self) -> None:
        """Stop the timers."""
        for account in self._accounts:
            account.alarm.clear()

    def answered(self, request: int, response: Response) -> None:
        """A request of the endpoint's has its final response; nothing where it is none of these."""
        account = self._open.pop(request, None)
        if account is None or account.contact is None:
            return
        now = self._scheduler.time()
        failed = is_server_failure(response.status)
        if failed and account.destination is not None:
            account.held[account.destination] = now + min(float(response.retry_after_s or 0), LONGEST_RETRY_AFTER_S)
        if failed and self._has_another(account):  # it is tried at once (RFC 3263 section 4.3)
            self._perform(account, account.machine.elsewhere(now))
            return
        account.tried.clear()
        if response.status < 300 or response.status == _TOO_BRIEF:
            account.home = account.destination
        if response.status < 300:
            account.bound = account.destination
        self._perform(account, account.machine.answered(response, account.contact, now))
        if response.status < 300 and account.trunk.registered:
            account.trunk.registered_at = account.destination

    def failed(self, request: int, cause: str) -> None:
        """Likewise, with no response."""
        account = self._open.pop(request, None)
        if account is None:
            return
        if cause == "refused":  # by a limit of ours: no other destination gets it either
            account.tried.clear()
            self._perform(account, account.machine.unsent("too much is under way here", self._scheduler.time()))
        else:
            self._unanswered(account, cause)

    def connection_ended(self, destination: TransportAddress) -> None:
        """A connection to `destination` has ended: calls may not reach what was bound over it any more."""
        now = self._scheduler.time()
        for account in self._accounts:
            if account.bound == destination:
                account.bound = None
                self._perform(account, account.machine.connection_lost(now))

    def moved(self, trunk: Trunk) -> None:
        """A trunk's name leads to a new host, which is not to wait for the failures of others."""
        for account in self._accounts:
            if account.trunk is trunk and account.machine.state != IDLE:  # its time to start is set already
                self._perform(account, account.machine.moved(self._scheduler.time()))

    def _lost(self, trunk: Trunk, destination: TransportAddress) -> None:
        """A destination does not answer, or is the trunk's no more: calls will not reach what is bound there, so that
        it is bound elsewhere, where somebody answers."""
        now = self._scheduler.time()
        if destination != trunk.registered_at or not trunk.open_destinations(now):
            return
        there = destination in trunk.destinations
        what = "the registrar does not answer" if there else "its name leads elsewhere"
        for account in self._accounts:
            if account.trunk is trunk and account.machine.state == REGISTERED:
                self._perform(account, account.machine.connection_lost(now, what))

    def _unanswered(self, account: _Account, cause: str) -> None:
        now = self._scheduler.time()
        if self._has_another(account):
            self._perform(account, account.machine.elsewhere(now))
        else:
            account.tried.clear()
            why = self._trunks.why(cause, account.destination)
            self._perform(account, account.machine.failed(why, now))

    def _has_another(self, account: _Account) -> bool:
        if account.destination is not None:
            account.tried.add(account.destination)
        return account.next_destination(self._scheduler.time()) is not None

    def _due(self, account: _Account) -> None:
        now = self._scheduler.time()
        self._perform(account, (*account.machine.start(now), *account.machine.handle_timers(now)))

    def _perform(self, account: _Account, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Register):
                self._send(account, output)
            elif isinstance(output, RegistrationTold):
                self._trunks.registration_told(account.trunk, output.registered, output.reason)
                account.home = account.home if output.registered else None
            else:
                self._tell_if_stopped()
        account.alarm.set(account.machine.next_timer())

    def _send(self, account: _Account, register: Register) -> None:
        now = self._scheduler.time()
        destination = account.next_destination(now, ending=register.expires_s == 0)
        if destination is None:
            account.tried.clear()
            why = ASKED_TO_BE_LEFT_ALONE if account.trunk.destinations else account.trunk.lost
            self._perform(account, account.machine.unsent(why, now))
            return
        account.destination = destination
        contact = self._endpoint().contact_for(destination, account.user)
        if contact is None:
            self._unanswered(account, f"no {destination.transport} listener")
            return
        account.contact = Uri.parse(contact)
        self._open[self._endpoint().request(account.plan(register, destination))] = account

    def _tell_if_stopped(self) -> None:
        if self._on_stopped is not None and all(account.machine.is_over for account in self._accounts):
            on_stopped, self._on_stopped = self._on_stopped, None
            on_stopped()
