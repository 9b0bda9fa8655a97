"""Our registration with a trunk's registrar (RFC 3261 section 10.2): its states and timers as a table.

Every REGISTER is one `Register`; its final response, after any challenge, comes back by `answered`, and that there was
none by `failed`. Nothing is sent while an earlier one is open (10.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from b2bua.addresses import canonical_host
from b2bua.sip.digest import MAX_ANSWERS
from b2bua.sip.errors import SipError
from b2bua.sip.headers import NameAddr, parse_seconds
from b2bua.sip.message import Response
from b2bua.sip.routing import DEFAULT_PORT
from b2bua.sip.uri import Uri
from b2bua.tokens import Tokens

EXPIRES_S: Final = 3_600
"""Asked for at first."""
LONGEST_EXPIRES_S: Final = 86_400
"""A Min-Expires above it counts as a refusal."""
SHORTEST_LIFE_S: Final = 10.0
"""A shorter life that a registrar grants counts as this, so that it cannot have us refresh without a pause."""
REFRESH_MARGIN_S: Final = 600.0
"""A refresh goes out so long before the expiry, or half-way where that is later; up to a tenth earlier by chance."""
RETRY_FIRST_S: Final = 30.0
RETRY_LONGEST_S: Final = 600.0
"""After a failure, and after each further one twice as long; up to a quarter more by chance."""
LOST_FIRST_S: Final = 1.0
"""After its connection has ended, and twice as long, up to `RETRY_LONGEST_S`, after each further one that ended under a
binding younger than `SETTLED_S`; up to a quarter more by chance."""
SETTLED_S: Final = 30.0
"""A binding that has held so long, refreshes included, is made again at the first wait (RFC 5626 section 4.5 has such
times too)."""
LONGEST_RETRY_AFTER_S: Final = 3_600.0
"""What a Retry-After is obeyed for."""
MOST_BRIEF: Final = 2
"""423 in a row that are answered with a longer life; one more counts as a refusal."""
GIVE_UP_S: Final = 4.0
"""How long taking the registration back may last in all."""
CSEQ_STEP: Final = MAX_ANSWERS + 1
"""How far CSeq moves on after a REGISTER whose last try is not known: past all that challenges can have made of it."""

# States.
IDLE: Final = "idle"
REGISTERING: Final = "registering"  # a REGISTER is open, nothing is bound
REGISTERED: Final = "registered"
REFRESHING: Final = "refreshing"  # a REGISTER is open, an earlier one still holds
HOLDING: Final = "holding"  # a refresh failed, the earlier one still holds
WAITING: Final = "waiting"  # nothing is bound, until the next try
STOPPING: Final = "stopping"  # to be taken back once the open REGISTER has its answer
UNREGISTERING: Final = "unregistering"
ENDED: Final = "ended"

# Inputs.
START: Final = "start"
ACCEPTED: Final = "accepted"
TOO_BRIEF: Final = "too brief"
REFUSED: Final = "refused"
UNANSWERED: Final = "unanswered"  # nothing came, or that the registrar cannot serve now
ELSEWHERE: Final = "elsewhere"  # likewise, and another destination is to be tried
LOST: Final = "lost"  # the connection that the binding was made over has ended, or its registrar is lost otherwise
MOVED: Final = "moved"  # there is a new destination
STOP: Final = "stop"

_BOUND: Final = frozenset({REGISTERED, REFRESHING, HOLDING})

# Timers, which are inputs as well.
REFRESH: Final = "refresh"
EXPIRY: Final = "expiry"
RETRY: Final = "retry"
GIVE_UP: Final = "give up"


@dataclass(frozen=True, slots=True)
class Register:
    """Send a REGISTER with this `cseq`, asking for `expires_s`: 0 takes the binding back."""

    cseq: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegistrationTold:
    """What an operator is told: whether calls may come by it now, and why."""

    registered: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RegistrationOver:
    """It is taken back, or the time for that is up."""


Output = Register | RegistrationTold | RegistrationOver


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a REGISTER: the input it is, a status or cause for a human, and the seconds that go with it: the
    life granted, the Min-Expires, the Retry-After (0: none)."""

    kind: str
    reason: str = ""
    seconds: int = 0


class Registration:
    """One address of record, bound to one Contact at one registrar.

    Drive it with `start`, `answered`, `failed`, `unsent`, `elsewhere`, `connection_lost`, `stop` and `handle_timers`;
    each returns what is to be done. `now` is monotonic seconds. Call-ID and From tag are the caller's to keep the same
    (10.2.4).
    """

    def __init__(self, tokens: Tokens) -> None:
        self.state = IDLE
        self.expires_s = EXPIRES_S
        self.life_s = 0.0
        self._tokens = tokens
        self._next_cseq = 1
        self._sent_cseq = 0
        self._retry_s = RETRY_FIRST_S
        self._lost_s = LOST_FIRST_S
        self._bound_at: float | None = None
        self._wait_s = 0.0
        self._not_before = 0.0  # when the registrar wants to be asked again at the soonest
        self._brief = 0
        self._due: dict[str, float] = {}

    def start(self, now: float) -> tuple[Output, ...]:
        """Register."""
        return self._take(START, None, now)

    def stop(self, now: float) -> tuple[Output, ...]:
        """Take it back; `RegistrationOver` comes within `GIVE_UP_S`."""
        return self._take(STOP, None, now)

    @property
    def is_over(self) -> bool:
        """Whether it will do nothing more."""
        return self.state == ENDED

    def answered(self, response: Response, contact: Uri, now: float) -> tuple[Output, ...]:
        """The final response to the last REGISTER, which bound `contact`."""
        self._move_cseq(response)
        outcome = self._outcome(response, contact)
        return self._take(outcome.kind, outcome, now)

    def failed(self, cause: str, now: float) -> tuple[Output, ...]:
        """There will be none."""
        self._next_cseq = self._sent_cseq + CSEQ_STEP
        return self._take(UNANSWERED, Outcome(UNANSWERED, f"unanswered ({cause})"), now)

    def unsent(self, cause: str, now: float) -> tuple[Output, ...]:
        """It could not be sent: as `failed`, but the registrar has had no trouble, so that the wait does not grow."""
        made = self.failed(cause, now)
        self._retry_s = RETRY_FIRST_S
        return made

    def elsewhere(self, now: float) -> tuple[Output, ...]:
        """There was none, or one that says another time: the caller has another destination to try at once."""
        self._next_cseq = self._sent_cseq + CSEQ_STEP
        return self._take(ELSEWHERE, None, now)

    def connection_lost(self, now: float, what: str = "the connection ended") -> tuple[Output, ...]:
        """The connection that the binding was made over has ended, and with it perhaps the way for calls to us: it is
        made again, over another (RFC 5626 section 4.4). `what` says it: the registrar may be lost otherwise as well."""
        if self._bound_at is not None and now - self._bound_at >= SETTLED_S:
            self._lost_s = LOST_FIRST_S
        return self._take(LOST, Outcome(LOST, what), now)

    def moved(self, now: float) -> tuple[Output, ...]:
        """There is a destination that has not been tried of late: it is tried soon, however long the others have
        failed."""
        return self._take(MOVED, None, now)

    def next_timer(self) -> float | None:
        """When `handle_timers` is due next."""
        return min(self._due.values(), default=None)

    def handle_timers(self, now: float) -> tuple[Output, ...]:
        """Let what is due at `now` happen, in order."""
        made: list[Output] = []
        while self._due and (timer := min(self._due, key=lambda each: self._due[each])) and self._due[timer] <= now:
            del self._due[timer]
            made += self._take(timer, None, now)
        return tuple(made)

    def _take(self, given: str, outcome: Outcome | None, now: float) -> tuple[Output, ...]:
        """One step of the table; a pair that is not in it means nothing any more."""
        row = REGISTRATION.get((self.state, given))
        if row is None:
            return ()
        action, self.state = row
        made = action(self, outcome)
        if given == LOST or self.state not in _BOUND:
            self._bound_at = None
        elif given == ACCEPTED and self._bound_at is None:
            self._bound_at = now
        if outcome is not None and given in (REFUSED, UNANSWERED):
            self._not_before = now + min(float(outcome.seconds), LONGEST_RETRY_AFTER_S)
        kept = set(self._due)
        if given == ACCEPTED and self.state == REGISTERED:
            kept.clear()
        elif given in (LOST, MOVED):
            kept.discard(RETRY)
        live = LIVE_TIMERS[self.state]
        self._due = {timer: self._due[timer] if timer in kept else self._due_at(timer, now) for timer in live}
        return made

    def _due_at(self, timer: str, now: float) -> float:
        if timer == RETRY:  # at least as long as the registrar has said, whatever happens meanwhile
            return max(now + self._wait_s, self._not_before)
        if timer == REFRESH:
            latest = max(self.life_s / 2, self.life_s - REFRESH_MARGIN_S)
            return now + latest * (1 - 0.1 * self._chance())
        return now + {EXPIRY: self.life_s, GIVE_UP: GIVE_UP_S}[timer]

    def _chance(self) -> float:
        return self._tokens.integer(16) / 65_536

    def _move_cseq(self, response: Response) -> None:
        answered = response.cseq.number
        last = answered if self._sent_cseq <= answered < self._sent_cseq + CSEQ_STEP else self._sent_cseq + MAX_ANSWERS
        self._next_cseq = last + 1

    def _outcome(self, response: Response, contact: Uri) -> Outcome:
        status = response.status
        if status < 300:
            granted = self._granted_s(response, contact)
            return Outcome(ACCEPTED, seconds=granted) if granted > 0 else Outcome(REFUSED, "granted for 0 s")
        if status == 423:
            wanted = _seconds(response, "Min-Expires")
            if self.expires_s < wanted <= LONGEST_EXPIRES_S and self._brief < MOST_BRIEF:
                return Outcome(TOO_BRIEF, seconds=wanted)
        not_now = is_server_failure(status)
        words = f"answered {status}" if not_now else f"refused {status}"
        return Outcome(UNANSWERED if not_now else REFUSED, words, response.retry_after_s or 0)

    def _granted_s(self, response: Response, contact: Uri) -> int:
        """The life of our binding (10.2.4): of our Contact, else the Expires, else as asked; never longer than that.
        Of several that may be ours the shortest, so that it does not end unseen."""
        asked = self.expires_s
        otherwise = min(_seconds(response, "Expires") or asked, asked)
        lives = [_life_s(each, asked, otherwise) for each in _ours(_contacts(response), contact)]
        return min((life for life in lives if life > 0), default=0) if lives else otherwise


def is_server_failure(status: int) -> bool:
    """Whether a response says that the server cannot serve us now, as good as silence: another may."""
    return status == 408 or 500 <= status < 600


def _ours(contacts: Sequence[NameAddr], contact: Uri) -> list[NameAddr]:
    """The bindings that may be ours among all of the address of record: those that are our Contact, or have but another
    parameter or leave out the usual port; else those of our user, as a session border controller rewrites them."""
    of_user = [each for each in contacts if each.uri.user == contact.user]
    here = [each for each in of_user if _where(each.uri) == _where(contact)]
    return [each for each in contacts if each.uri.equivalent(contact)] or here or of_user


def _where(uri: Uri) -> tuple[str, int]:
    transport = "tls" if uri.scheme == "sips" else uri.param("transport") or "udp"
    return canonical_host(uri.host).lower(), uri.port or DEFAULT_PORT.get(transport.lower(), DEFAULT_PORT["udp"])


def _life_s(binding: NameAddr, asked: int, otherwise: int) -> int:
    text = binding.param("expires")
    if text is None:
        return otherwise
    return min(int(text), asked) if text.isascii() and text.isdigit() and len(text) <= 10 else asked


def _contacts(response: Response) -> tuple[NameAddr, ...]:
    try:
        return response.contacts
    except SipError:
        return ()


def _seconds(response: Response, header: str) -> int:
    """A header of seconds; 0 where it is missing or says nothing."""
    text = response.headers.get(header)
    try:
        return 0 if text is None else parse_seconds(text)
    except SipError:
        return 0


# Actions.


def _nothing(_registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    return ()


def _send(registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    return _register(registration, registration.expires_s)


def _take_back(registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    return (*_register(registration, 0), RegistrationTold(False, "registration taken back"))


def _register(registration: Registration, expires_s: int) -> tuple[Output, ...]:
    cseq = registration._next_cseq
    registration._sent_cseq, registration._next_cseq = cseq, cseq + 1
    return (Register(cseq, expires_s),)


def _keep(registration: Registration, outcome: Outcome | None) -> tuple[Output, ...]:
    granted = outcome.seconds if outcome is not None else 0
    registration.life_s = max(float(granted), SHORTEST_LIFE_S)
    registration._retry_s, registration._brief = RETRY_FIRST_S, 0
    return (RegistrationTold(True, f"registered for {granted} s"),)


def _ask_longer(registration: Registration, outcome: Outcome | None) -> tuple[Output, ...]:
    registration._brief += 1
    if outcome is not None:
        registration.expires_s = outcome.seconds
    return _register(registration, registration.expires_s)


def _back_off(registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    """Wait, the longer the more often it has failed."""
    registration._wait_s = registration._retry_s * (1 + registration._chance() / 4)
    registration._retry_s = min(registration._retry_s * 2, RETRY_LONGEST_S)
    registration._brief = 0
    return ()


def _fail(registration: Registration, outcome: Outcome | None) -> tuple[Output, ...]:
    _back_off(registration, outcome)
    return (RegistrationTold(False, f"registration {outcome.reason if outcome is not None else 'failed'}"),)


def _lose(_registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    return (RegistrationTold(False, "registration expired"),)


def _disconnect(registration: Registration, outcome: Outcome | None) -> tuple[Output, ...]:
    """Wait a little, the longer the more often it has happened: a peer may close whenever it has answered. The binding
    lasts: our calls go on, and who can open connections to us still reaches us."""
    registration._wait_s = registration._lost_s * (1 + registration._chance() / 4)
    registration._lost_s = min(registration._lost_s * 2, RETRY_LONGEST_S)
    return (RegistrationTold(True, f"registered, but {outcome.reason if outcome is not None else 'lost'}"),)


def _hasten(registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    registration._wait_s = LOST_FIRST_S * (1 + registration._chance() / 4)
    registration._retry_s = RETRY_FIRST_S
    return ()


def _end(_registration: Registration, _outcome: Outcome | None) -> tuple[Output, ...]:
    return (RegistrationOver(),)


Action = Callable[[Registration, Outcome | None], tuple[Output, ...]]

REGISTRATION: Final[Mapping[tuple[str, str], tuple[Action, str]]] = MappingProxyType(
    {
        (IDLE, START): (_send, REGISTERING),
        (IDLE, STOP): (_end, ENDED),
        (REGISTERING, ACCEPTED): (_keep, REGISTERED),
        (REGISTERING, TOO_BRIEF): (_ask_longer, REGISTERING),
        (REGISTERING, REFUSED): (_fail, WAITING),
        (REGISTERING, UNANSWERED): (_fail, WAITING),
        (REGISTERING, ELSEWHERE): (_send, REGISTERING),
        (REGISTERING, STOP): (_nothing, STOPPING),
        (REGISTERED, REFRESH): (_send, REFRESHING),
        (REGISTERED, LOST): (_disconnect, HOLDING),
        (REGISTERED, STOP): (_take_back, UNREGISTERING),
        (REFRESHING, ACCEPTED): (_keep, REGISTERED),
        (REFRESHING, TOO_BRIEF): (_ask_longer, REFRESHING),
        (REFRESHING, REFUSED): (_fail, WAITING),
        (REFRESHING, UNANSWERED): (_back_off, HOLDING),
        (REFRESHING, ELSEWHERE): (_send, REFRESHING),
        (REFRESHING, EXPIRY): (_lose, REGISTERING),
        (REFRESHING, STOP): (_nothing, STOPPING),
        (HOLDING, RETRY): (_send, REFRESHING),
        (HOLDING, EXPIRY): (_lose, WAITING),
        (HOLDING, LOST): (_disconnect, HOLDING),
        (HOLDING, MOVED): (_hasten, HOLDING),
        (HOLDING, STOP): (_take_back, UNREGISTERING),
        (WAITING, RETRY): (_send, REGISTERING),
        (WAITING, MOVED): (_hasten, WAITING),
        (WAITING, STOP): (_end, ENDED),
        (STOPPING, ACCEPTED): (_take_back, UNREGISTERING),
        (STOPPING, TOO_BRIEF): (_take_back, UNREGISTERING),
        (STOPPING, REFUSED): (_end, ENDED),
        (STOPPING, UNANSWERED): (_take_back, UNREGISTERING),
        (STOPPING, ELSEWHERE): (_take_back, UNREGISTERING),
        (STOPPING, GIVE_UP): (_end, ENDED),
        (UNREGISTERING, ACCEPTED): (_end, ENDED),
        (UNREGISTERING, TOO_BRIEF): (_end, ENDED),
        (UNREGISTERING, REFUSED): (_end, ENDED),
        (UNREGISTERING, UNANSWERED): (_end, ENDED),
        (UNREGISTERING, ELSEWHERE): (_end, ENDED),
        (UNREGISTERING, GIVE_UP): (_end, ENDED),
    }
)
"""(state, input) -> (action, next state). What is absent means nothing there: an answer that comes after the end."""

LIVE_TIMERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        IDLE: (),
        REGISTERING: (),
        REGISTERED: (REFRESH, EXPIRY),
        REFRESHING: (EXPIRY,),
        HOLDING: (RETRY, EXPIRY),
        WAITING: (RETRY,),
        STOPPING: (GIVE_UP,),
        UNREGISTERING: (GIVE_UP,),
        ENDED: (),
    }
)
"""The timers of each state: those running carry on, others are set, the rest fall away."""
