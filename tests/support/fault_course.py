"""Calls of every kind over a bad network, each played to one of its ends, and what must hold of each in the end.

A call is *placed* over the API, a *callback* to the masked number, *routed* for an organisation or *relayed* for
nobody. What must hold is looked at from both sides: in the product, and in what each phone sent and got.
"""

from dataclasses import dataclass
from typing import Any

from b2bua.sip.events import IncomingRequest
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import PeerPolicy
from storage.records import CallRecord
from tests.support.house import MASKED, ORG, OURS, House
from tests.support.lossy_network import Conditions
from tests.support.peer_view import PeerView, overlap_s, views_of
from tests.support.routes import BILLED, DIALLED, RELAYED
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, rejects, rings

KINDS = ("placed", "callback", "routed", "relayed")
RING_TIMEOUT_S = 10
TALK_S = 20.0
LIMIT_S = 64 * 0.5
FIRST, SECOND = "203.0.113.1", "203.0.113.2"
DEAF = TransportAddress("udp", "203.0.113.3", 5060)
TOLD_IN_ORDER = ("initiated", "ringing", "answered", "bridged", "ended", "recording.ready")
TERMINAL = ("completed", "failed", "no-answer")

ENDS = {  # each end: (status, hang-up cause, hang-up party) where the network lets the call come about
    "A hangs up": ("completed", "normal", "a"),
    "B hangs up": ("completed", "normal", "b"),
    "hung up over the API": ("completed", "api_hangup", "system"),
    "A gives up while B rings": ("failed", "a_hangup_before_bridge", "a"),
    "hung up over the API while B rings": ("failed", "api_hangup", "system"),
    "B is busy": ("failed", "b_busy", "b"),
    "B does not answer": ("failed", "b_no_answer", "system"),
    "over another trunk": ("completed", "normal", "a"),
    "kept alive": ("completed", "normal", "b"),
    "held and resumed": ("completed", "normal", "a"),
    "with PRACK": ("completed", "normal", "b"),
}
FINALS = {
    "A gives up while B rings": 487,
    "hung up over the API while B rings": 480,
    "B is busy": 486,
    "B does not answer": 480,
}  # what a caller is told

LINES = {
    "1 % lost": Conditions(loss=0.01),
    "5 % lost": Conditions(loss=0.05),
    "20 % lost": Conditions(loss=0.2),
    "repeated": Conditions(duplication=0.4),
    "out of order": Conditions(jitter_s=0.6),
    "200 ms late": Conditions(delay_s=0.2),
    "all together": Conditions(loss=0.1, duplication=0.2, delay_s=0.2, jitter_s=0.4),
}


def _trunk(name: str, host: str, priority: int, more: str) -> str:
    return f"""
[[trunks]]
name = "{name}"
uri = "sip:{host}:5060"
addresses = ["203.0.113.0/24"]
numbers = ["{MASKED}"]
options_interval_s = 0
priority = {priority}
{more}
"""


def _profile(end: str) -> str:
    if end == "with PRACK":
        return 'reliable_provisional = "required"'
    return "session_timer_s = 90" if end == "kept alive" else ""


def _trunks(kind: str, end: str) -> str:
    more = _profile(end)
    if kind in ("routed", "relayed"):
        text = BILLED if kind == "routed" else RELAYED
        return text.replace("options_interval_s = 0", f"options_interval_s = 0\n{more}")
    return _trunk("first", FIRST, 1, more) + _trunk("second", SECOND, 2, more)


@dataclass
class Course:
    """One call over a bad network. `party` is the phone of each leg."""

    house: House
    kind: str
    end: str
    record: CallRecord | None = None
    usage: int | None = None  # of the caller's phone, where it calls
    bridged: bool = False

    @classmethod
    async def open(cls, open_house: Any, kind: str, end: str, seed: str = "course", more: str = "") -> "Course":
        """A house in which the call can be made, its phones ready to play their part. `more`: of the configuration."""
        config = f"[calls]\nring_timeout_s = {RING_TIMEOUT_S}\n{more}"
        house: House = await open_house(config, trunks=_trunks(kind, end), seed=seed)
        house.carrier_at(SECOND)
        course = cls(house, kind, end)
        if kind == "callback":
            candidates = [("first", MASKED)]
            at = house.clock.wall_ms()
            await house.store.run(lambda unit: unit.numbers.choose(ORG, ALICE.number, BOB.number, candidates, at))
        if end == "over another trunk":
            course._break_first_way(answers_503=seed.endswith(("0", "2", "4", "6", "8")))
        course._teach_phones()
        return course

    def _break_first_way(self, *, answers_503: bool) -> None:
        """The first way to B is deaf, or says 503."""
        self.house.carrier.status = 503 if answers_503 else 0
        if self.kind in ("routed", "relayed"):
            broken = self.house.carrier.address if answers_503 else DEAF
            self.house.network.attach(DEAF, lambda content, source, local: None)
            self.house.trunk("east").destinations = (broken, BOB.sip)

    def _teach_phones(self) -> None:
        alice, bob = self.house.alice, self.house.bob
        alice.on_invite = answers(1.0)
        bob.on_invite = {
            "A gives up while B rings": rings(),
            "hung up over the API while B rings": rings(),
            "B is busy": rejects(486, after_s=1.0, ringing=True),
            "B does not answer": rings(),
        }.get(self.end, answers(2.0, early=self.end == "with PRACK"))
        for phone in (alice, bob):
            phone.on_request = agreeing(phone)

    @property
    def call_id(self) -> str | None:
        """The id of the call, None where the product never had one."""
        return None if self.record is None else self.record.call_id

    @property
    def is_over(self) -> bool:
        """Whether the product has settled the call, or never took it."""
        if self.record is None:
            return "UsageEnded" in self.house.alice.kinds()
        return self.record.call_id not in self.house.switch._calls

    async def begin(self) -> None:
        """Place the call, or let Alice call."""
        house = self.house
        if self.kind == "placed":
            self.record = await house.place(ring_timeout_s=RING_TIMEOUT_S)
            return
        policy = PeerPolicy(reliable_provisional="required") if self.end == "with PRACK" else PeerPolicy()
        self.usage = house.alice.call(MASKED if self.kind == "callback" else DIALLED, OURS, policy=policy)
        await house.until(lambda: house.tasks or self.is_over)
        if house.tasks:
            self.record = house.tasks[0].machine.record

    async def play(self) -> None:
        """Let the call come about as far as the network lets it, and end it."""
        await self.begin()
        if ENDS[self.end][0] == "failed":
            await self._play_unanswered()
        else:
            await self._play_talk()
        await self.house.until(lambda: self.is_over, 400.0)

    async def _play_unanswered(self) -> None:
        house = self.house
        await house.until(lambda: house.bob.invite or self.is_over)
        await house.run(2.0)
        if self.end == "A gives up while B rings":
            self.hang_up(house.alice)
        elif self.end == "hung up over the API while B rings":
            await self._hang_up_over_api()

    async def _play_talk(self) -> None:
        house = self.house
        await house.until(lambda: self._is_talk() or self.is_over)
        if self.is_over or self.record is None:
            return
        self.bridged = True
        house.alice.speak(5.0)
        house.bob.speak(5.0)
        await house.run(TALK_S / 2)
        if self.end == "kept alive":
            await house.run(200.0)
        if self.end == "held and resumed":
            await self._hold_and_resume()
        await house.run(TALK_S / 2)
        await self._end_talk()

    def _is_talk(self) -> bool:
        return self.record is not None and self.house.state(self.record) == "bridged"

    async def _hold_and_resume(self) -> None:
        house = self.house
        for phone in (house.alice, house.bob):
            for version, direction in ((2, "sendonly"), (3, "sendrecv")):
                if phone.usage in phone.user_agent._station.usages:
                    phone.reinvite(phone.persona.sdp(direction=direction, version=version))
                await house.run(6.0)

    async def _end_talk(self) -> None:
        if self.end == "hung up over the API":
            await self._hang_up_over_api()
        else:
            self.hang_up(self.house.bob if ENDS[self.end][2] == "b" else self.house.alice)

    async def _hang_up_over_api(self) -> None:
        if not self.is_over and self.record is not None:
            await self.house.switch.hang_up(self.record.org_id, self.record.call_id)

    def hang_up(self, phone: Phone) -> None:
        """Let a phone that has a call hang up."""
        if phone.usage is not None:
            phone.hang_up()

    async def rest(self) -> None:
        """Let everything come to rest."""
        self.house.alice.fall_silent()
        self.house.bob.fall_silent()
        await self.house.run(2 * LIMIT_S + 6.0)  # the last BYE of 64*T1 is remembered for 64*T1

    # What must hold.

    async def finished(self) -> CallRecord | None:
        """The call as it was in the end; None where the product never had it."""
        if self.record is None:
            return None
        if self.kind == "relayed":
            return self.house.tasks[0].machine.record
        return await self.house.cdr(self.record)

    def views(self) -> tuple[list[PeerView], list[PeerView]]:
        """The calls of Alice's phone and of Bob's, as they saw them."""
        return views_of(self.house.alice, self.house.network), views_of(self.house.bob, self.house.network)

    def check_peers(self, *, vanished: Phone | None = None) -> None:
        """No phone is in a call that the other is not in any more; one that the network lost for good is excepted."""
        for phone, views in zip((self.house.alice, self.house.bob), self.views(), strict=True):
            if phone is not vanished:
                for view in views:
                    assert not view.is_up, f"{phone.persona.word} is still in its call"
                assert phone.user_agent.table_sizes().usages == 0, f"{phone.persona.word} waits for something"

    def check_ends_together(self) -> None:
        """Who was connected knew of the end within 64*T1, and the tone that A hears, of whoever knew it first."""
        ends = [[view.over_at for view in of_phone if view.over_at is not None] for of_phone in self.views()]
        first = min((max(of_phone) for of_phone in ends if of_phone), default=0.0)
        for view in (*self.views()[0], *self.views()[1]):
            if view.connected_at is not None and view.over_at is not None:
                assert view.over_at - first <= LIMIT_S + 5.0, "one side was up alone"

    async def check_money(self, slack_s: float | None) -> None:
        """One release of the reservation, and the charge is right for what both phones saw, give or take `slack_s`."""
        cdr = await self.finished()
        if cdr is None or self.kind == "relayed":
            return
        rows = await self.house.store.run(
            lambda unit: unit.ledger._queries._execute(
                "select kind, -balance_change from transfers where call_id = ? order by rowid", (cdr.call_id,)
            ).fetchall()
        )
        released = [(kind, paise) for kind, paise in rows if kind in ("capture", "void")]
        assert len(released) == 1, f"released {len(released)} times"
        assert sum(kind == "reserve" for kind, _ in rows) == 1
        assert released[0] == (("capture", cdr.price_paise) if cdr.price_paise else ("void", 0))
        talk_s = cdr.duration_s or 0
        assert cdr.price_paise == (0 if cdr.answered_at is None else 150 * max(1, -(-talk_s // 60)))
        alice, bob = self.views()
        if cdr.price_paise:
            assert any(view.connected_at is not None for view in bob), "charged, though B never answered"
        if slack_s is not None:
            seen_s = max((overlap_s(a, b) for a in alice for b in bob), default=0.0)
            assert abs(seen_s - talk_s) <= slack_s, f"{talk_s} s are written down, both saw {seen_s:.1f} s"

    async def check_told(self, *, times_rise: bool = True) -> None:
        """What the client was told is complete and in order; `times_rise`: no clock was set back meanwhile."""
        cdr = await self.finished()
        if cdr is None or self.kind == "relayed":
            return
        words = await self.house.words(cdr)
        order = [TOLD_IN_ORDER.index("ended" if word in TERMINAL else word) for word in words]
        assert order == sorted(set(order)), words
        assert words[0] == "initiated"
        assert ("bridged" in words) == (cdr.answered_at is not None)
        assert ("answered" in words) == (cdr.a_answered_at is not None)
        assert [word for word in words if word in TERMINAL] == [cdr.status.value]
        told = await self.house.told(cdr)
        assert not times_rise or [each.created_at for each in told] == sorted(each.created_at for each in told)

    async def check_came_about(self) -> None:
        """The call went as it was meant to, in the product's eyes and in those of both phones."""
        alice, bob = self.house.alice, self.house.bob
        assert await self.outcome() == ENDS[self.end]
        connected = [any(view.connected_at is not None for view in views) for views in self.views()]
        if ENDS[self.end][0] == "completed":
            assert connected == [True, True]
        elif self.kind == "placed":
            assert connected == [True, False]
            assert alice.was_hung_up or self.end == "A gives up while B rings"
        else:
            assert connected == [False, False]
            assert alice.rejected.status == FINALS[self.end]
        if self.end in ("A gives up while B rings", "hung up over the API while B rings", "B does not answer"):
            assert bob.was_cancelled
        if self.end == "held and resumed":
            for phone in (alice, bob):
                assert [response.status for response in phone.answers()] == [200, 200]

    async def check(self, *, vanished: Phone | None = None, slack_s: float | None = None) -> None:
        """All of it."""
        self.check_peers(vanished=vanished)
        if vanished is None:
            self.check_ends_together()
        await self.check_money(slack_s)
        await self.check_told()

    async def outcome(self) -> tuple[str, str | None, str | None]:
        """Status, hang-up cause and party of the call; ("", None, None) where there was none."""
        cdr = await self.finished()
        return ("", None, None) if cdr is None else (cdr.status.value, cdr.hangup_cause, cdr.hangup_party)


def agreeing(phone: Phone) -> Any:
    """Agree to whatever is asked in the dialog."""

    def agree(event: IncomingRequest) -> None:
        wants_answer = bool(event.request.body) or event.request.method == "INVITE"
        phone.endpoint.respond(
            event.transaction,
            200,
            body=phone.persona.sdp() if wants_answer else b"",
            content_type="application/sdp" if wants_answer else None,
        )

    return agree
