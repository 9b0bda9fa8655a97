"""The API over a real store in memory and a small switch, with every reply held to the OpenAPI document."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from jsonschema import Draft202012Validator

from b2bua.call.errors import CallAlreadyEnded, CallNotFound, IdempotencyConflict, InvalidParties, NotRecorded
from b2bua.call.model import LiveRecording, PlaceCall, PlacedCall, TrunkState
from b2bua.sealed_secrets import SealedSecrets
from b2bua.switch.prompt_shelf import PromptShelf
from b2bua.switch.recordings_at_rest import RecordingsAtRest
from b2bua.switch.supervisors import SupervisorDesk
from control_api.agent_facade import AgentsFacade
from control_api.app import ROUTES, create_app
from control_api.mail.post import Post
from control_api.openapi import build_openapi
from control_api.passwords import Passwords
from control_api.payments.desk import PaymentDesk
from control_api.settings import ApiSettings
from control_api.streams.desk import StreamDesk
from control_api.streams.line import Dialler
from control_api.webhooks.settings import DispatcherSettings
from control_api.webhooks.trials import Trials
from media.prompts.files import PromptFiles
from media.recording.master_keys import MasterKeys
from media.webrtc.interface import IceServer
from storage.records import (
    TERMINAL_STATUSES,
    ApiKey,
    CallRecord,
    CallStatus,
    IdempotentReply,
    Organisation,
    Recording,
    Scope,
)
from storage.store import Store
from tests.support.kept_gateway import KeptGateway, KeptSeatLine
from tests.support.kept_line import HeardCalls, KeptDialler
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

ORG = "org-one"
OTHER_ORG = "org-two"
KEY = "vp_" + "0123456789abcdef" * 4
OTHER_KEY = "vp_" + "fedcba9876543210" * 4
SIGNING_KEY = b"a key for tests"
MASTER_KEYS = MasterKeys("m" * 64)
BODY = {"party_a": "9876543210", "party_b": "9876543211"}
CALLS = "/v1/masking/calls"


class FakeSwitch:
    """Admits every call between two, unless `refuse_with` is set; keeps its calls in the store."""

    def __init__(self, store: Store, clock: ManualClock, tokens: SeededTokens) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self.commands: list[PlaceCall] = []
        self.paused: dict[str, bool] = {}
        self.recording = LiveRecording.ON
        self.hung_up: list[str] = []
        self.refuse_with: Exception | None = None
        self.is_ready = True
        self.heard: dict[str, HeardCalls] = {}
        failures = (("503", 2), ("no_response", 1))
        self.trunks: tuple[TrunkState, ...] = (
            TrunkState(
                "carrier", "sip:sip.carrier.example", True, "", 2, 0, 0, None, 200, 12.5, 3, 2, 4, 9, 1, failures
            ),
        )

    async def place_call(self, command: PlaceCall) -> PlacedCall:
        if self.refuse_with is not None:
            raise self.refuse_with
        if command.party_a == command.party_b:
            raise InvalidParties("The two parties must be different.", "party_b")
        earlier = await self._earlier(command)
        if earlier is not None:
            return earlier
        self.commands.append(command)
        record = CallRecord(
            call_id=self._tokens.uuid(),
            org_id=command.org_id,
            party_a=command.party_a,
            party_b=command.party_b,
            masked_number="917969002802",
            direction="click_to_call",
            status=CallStatus.INITIATED,
            created_at=self._clock.wall_ms(),
            started_at=self._clock.wall_ms(),
            reference=command.reference,
            max_duration_s=command.max_duration_s,
            record=command.record is not False,
        )
        await self._store.run(lambda unit: unit.calls.save(record))
        if command.idempotency_key is not None:
            reply = IdempotentReply(
                command.org_id,
                command.idempotency_key,
                command.body_sha256,
                record.call_id,
                command.request_id,
                self._clock.wall_ms(),
            )
            await self._store.run(lambda unit: unit.idempotency.put(reply))
        return PlacedCall(record, command.request_id)

    async def _earlier(self, command: PlaceCall) -> PlacedCall | None:
        key = command.idempotency_key
        if key is None:
            return None
        reply = await self._store.read(lambda reader: reader.idempotent_reply(command.org_id, key))
        if reply is None:
            return None
        if reply.body_sha256 != command.body_sha256:
            raise IdempotencyConflict
        record = await self._store.read(lambda reader: reader.call(command.org_id, reply.call_id))
        assert record is not None
        return PlacedCall(record, reply.request_id, replayed=True)

    async def hang_up(self, org_id: str, call_id: str) -> None:
        record = await self._store.read(lambda reader: reader.call(org_id, call_id))
        if record is None:
            raise CallNotFound
        if record.status in TERMINAL_STATUSES:
            raise CallAlreadyEnded
        self.hung_up.append(call_id)

    async def pause_recording(self, org_id: str, call_id: str, *, paused: bool) -> None:
        record = await self._store.read(lambda reader: reader.call(org_id, call_id))
        if record is None:
            raise CallNotFound
        if record.status in TERMINAL_STATUSES:
            raise CallAlreadyEnded
        if not record.record:
            raise NotRecorded
        self.paused[call_id] = paused

    async def live_recording(self, org_id: str, call_id: str) -> LiveRecording:
        await self.heard_call(org_id, call_id)
        return LiveRecording.PAUSED if self.paused.get(call_id) else self.recording

    async def supervised_call(self, org_id: str, call_id: str) -> Any:
        return await self.heard_call(org_id, call_id)

    async def heard_call(self, org_id: str, call_id: str) -> Any:
        record = await self._store.read(lambda reader: reader.call(org_id, call_id))
        if record is None:
            raise CallNotFound
        if record.status in TERMINAL_STATUSES:
            raise CallAlreadyEnded
        return self.heard.setdefault(call_id, HeardCalls(call_id, org_id, record.reference))

    def ready(self) -> bool:
        return self.is_ready

    def live_calls(self) -> int:
        return len(self.commands)

    def trunk_states(self) -> Sequence[TrunkState]:
        return self.trunks

    def counters(self) -> Mapping[str, float]:
        return {"calls_placed_total": 7, "ports left": 90}


@dataclass
class ApiReply:
    """A reply with its body already parsed where it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any = None


def ice_servers_for(name: str) -> tuple[IceServer, ...]:
    """A STUN server, and a TURN server with credentials for a name."""
    return IceServer("stun:stun.example"), IceServer("turn:turn.example", f"1764158400:{name}", "a credential")


@dataclass
class ApiWorld:
    """Everything a test of the API moves."""

    client: TestClient[Any, Any]
    store: Store
    clock: ManualClock
    switch: FakeSwitch
    document: dict[str, Any]
    streams: StreamDesk
    key: str = KEY
    seen: set[tuple[int, str]] = field(default_factory=set)

    async def send(self, method: str, path: str, key: str | None = KEY, **options: Any) -> ApiReply:
        """A request with the key, None without; the reply is checked against the document."""
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers.setdefault("Authorization", f"Bearer {key}")
        response = await self.client.request(method, path, headers=headers, **options)
        body = await response.read()
        reply = ApiReply(response.status, response.headers, body)
        if body and response.content_type == "application/json":
            reply.json = json.loads(body)
        self._check(method, response.url.path, reply)
        return reply

    async def post(self, body: object = BODY, **options: Any) -> ApiReply:
        """Place a call."""
        return await self.send("POST", CALLS, json=body, **options)

    async def get(self, path: str, **options: Any) -> ApiReply:
        return await self.send("GET", path, **options)

    async def place(self, **changes: Any) -> str:
        """A call's id."""
        reply = await self.post({**BODY, **changes})
        assert reply.status == 201, reply.body
        return str(reply.json["data"]["call_sid"])

    async def finish(self, call_id: str, **changes: Any) -> CallRecord:
        """Turn a live call into a finished one."""
        record = await self.store.read(lambda reader: reader.call(ORG, call_id))
        assert record is not None
        start = record.created_at
        ended: dict[str, Any] = {
            "status": CallStatus.COMPLETED,
            "a_answered_at": start + 5_000,
            "answered_at": start + 9_000,
            "ended_at": start + 103_000,
            "duration_s": 94,
            "bill_duration_s": 120,
            "price_paise": 300,
            "hangup_cause": "normal",
            "hangup_party": "a",
        }
        finished = replace(record, **(ended | changes))

        await self.store.run(lambda unit: unit.cdrs.add(finished))
        return finished

    async def record(self, call_id: str, mp3_path: str | None, purged_at: int | None = None) -> None:
        """Give a call a recording."""
        wav_path = f"2025/01/01/{call_id[:8]}.wav"
        recording = Recording(call_id, ORG, wav_path, mp3_path, 94_000, 0, self.clock.wall_ms(), purged_at)
        await self.store.run(lambda unit: unit.recordings.add(recording))

    async def add_key(self, digit: str, **changes: Any) -> str:
        """Another key of the first organisation."""
        key = "vp_" + digit * 64
        await self.store.run(lambda unit: unit.accounts.add_key(an_api_key(key, ORG, **changes)))
        return key

    def _check(self, method: str, path: str, reply: ApiReply) -> None:
        """Every reply is as documented: status, headers, body."""
        assert reply.headers["X-Request-Id"]
        if reply.json is not None and "error" in reply.json:
            self.seen.add((reply.status, reply.json["error"]["code"]))
        route = self._documented(path, "get" if method == "HEAD" else method.lower())
        if route is None:
            if path.startswith("/docs/") and reply.status < 400:
                return  # pages are no part of the document
            assert reply.status in (204, 404, 405) or (method, reply.status) == ("OPTIONS", 200)
            if reply.body:
                self._validate({"$ref": "#/components/schemas/ErrorReplyBody"}, reply.json)
            return
        responses = route["responses"]
        assert str(reply.status) in responses, (path, reply.status)
        described = responses[str(reply.status)]
        for name in described["headers"]:
            assert name in reply.headers, (path, reply.status, name)
        schema = described.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None and method != "HEAD":
            self._validate(schema, reply.json)

    def _documented(self, path: str, method: str) -> dict[str, Any] | None:
        wanted = path.split("/")
        for template, operations in self.document["paths"].items():
            parts = template.split("/")
            fits = len(parts) == len(wanted) and all(
                part == given or (part.startswith("{") and given) for part, given in zip(parts, wanted, strict=True)
            )
            if fits and wanted[-1] == "ice-servers" != parts[-1]:
                continue  # what is concrete goes before a parameter, as OpenAPI has it
            if fits and method in operations:
                found: dict[str, Any] = operations[method]
                return found
        return None

    def _validate(self, schema: dict[str, Any], body: object) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)


def an_api_key(key: str, org_id: str, **changes: Any) -> ApiKey:
    """A stored key."""
    digest = sha256(key.encode()).hexdigest()
    stored = ApiKey(f"key-{digest[:12]}", org_id, "test", digest, key[:11], frozenset(Scope), 1_600_000_000_000)
    return replace(stored, **changes)


@asynccontextmanager
async def api_world(
    recordings: Path = Path("/nonexistent"),
    prompts: Path = Path("/nonexistent"),
    payments: PaymentDesk | None = None,
    agents: AgentsFacade | None = None,
    dialler: Dialler | None = None,
    post: Post | None = None,
    gateway: KeptGateway | None = None,
    **settings: Any,
) -> AsyncIterator[ApiWorld]:
    """A running API with two organisations, Rs 500 in the wallet of the first."""
    clock, tokens = ManualClock(wall_ms=1_735_732_800_000), SeededTokens(7)
    store = await Store.open("sqlite://")
    try:

        def found(unit: Any) -> None:
            for org_id, key in ((ORG, KEY), (OTHER_ORG, OTHER_KEY)):
                unit.accounts.create_organisation(Organisation(org_id, org_id, 1_600_000_000_000))
                unit.accounts.add_key(an_api_key(key, org_id))
            unit.ledger.credit("credit-1", ORG, 50_000, "first", 1_600_000_000_000)

        await store.run(found)
        switch = FakeSwitch(store, clock, tokens)
        values: dict[str, Any] = {
            "public_url": "http://calls.example",
            "url_signing_key": SIGNING_KEY,
            "recordings": recordings,
            "rate_limit_per_minute": 10_000,
        }
        desk = StreamDesk(store, clock, tokens, dialler or KeptDialler())
        await desk.refresh()
        trials = Trials(DispatcherSettings("maskbridge/test", allow_private_targets=True), clock)
        app = create_app(
            settings=ApiSettings(**(values | settings)),
            switch=switch,
            recordings=RecordingsAtRest(store, recordings, MASTER_KEYS, clock),
            prompts=PromptShelf(store, PromptFiles(prompts), clock),
            store=store,
            clock=clock,
            tokens=tokens,
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            box=SealedSecrets(MASTER_KEYS),
            payments=payments,
            agents=agents,
            streams=desk,
            post=post,
            trials=trials,
            supervisors=None
            if gateway is None
            else SupervisorDesk(gateway, clock, tokens, clock, ice_servers_for, open_line=KeptSeatLine),
        )
        async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
            yield ApiWorld(client, store, clock, switch, documented(), desk)
        await trials.close()
        await desk.close()
    finally:
        await store.close()


@cache
def documented() -> dict[str, Any]:
    """The OpenAPI document that replies are held to; it takes a while to make."""
    return build_openapi("http://calls.example", "0.1.0")


def every_route() -> set[tuple[str, str]]:
    """Method and path of all that the application serves."""
    return {(route.method, route.path) for route in ROUTES}
