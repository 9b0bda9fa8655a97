"""Every endpoint against everybody who can ask: a table, which a new endpoint must be written into."""

from collections.abc import AsyncIterator

import pytest

from control_api.app import ROUTES
from control_api.rights import ROLE_RIGHTS, SCOPE_RIGHTS, Right, scope_for
from storage.person_records import Role
from storage.records import USUAL_SCOPES, Scope
from tests.support.api_agents import agent_token
from tests.support.api_world import ORG, ApiWorld, api_world
from tests.support.signed_in import sign_in, somebody

EVERYBODY = "everybody"  # no key and no session are asked for
OWNER, DEVELOPER, FINANCE, VIEWER, NOBODY = "owner", "developer", "finance", "viewer", "no role"
OPERATOR = "operator"
AGENT = "agent"  # by an agent's token
ALL = {OWNER, DEVELOPER, FINANCE, VIEWER}
SIGNED_IN = {*ALL, NOBODY, OPERATOR}
READ, WRITE = Scope.ACCOUNT_READ, Scope.ACCOUNT_WRITE

# Who may, beside an operator who looks at the organisation and may all that its owner may.
MAY: dict[tuple[str, str], set[str] | str] = {
    ("POST", "/v1/masking/calls"): {OWNER, DEVELOPER, Scope.CALLS_WRITE},
    ("GET", "/v1/masking/calls/{call_sid}"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/events"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/calls/{call_sid}/events"): {*ALL, Scope.CALLS_READ},
    ("POST", "/v1/masking/calls/{call_sid}/hangup"): {OWNER, DEVELOPER, Scope.CALLS_WRITE},
    ("GET", "/v1/masking/calls/{call_sid}/recording"): {OWNER, DEVELOPER, Scope.RECORDINGS_READ},
    ("GET", "/v1/masking/calls/{call_sid}/recording/peaks"): {OWNER, DEVELOPER, Scope.RECORDINGS_READ},
    ("GET", "/v1/masking/calls/{call_sid}/recording/live"): {*ALL, Scope.CALLS_READ},
    ("DELETE", "/v1/masking/calls/{call_sid}/recording"): {OWNER, Scope.RECORDINGS_WRITE},
    ("POST", "/v1/masking/calls/{call_sid}/recording/pause"): {OWNER, DEVELOPER, Scope.CALLS_WRITE},
    ("POST", "/v1/masking/calls/{call_sid}/recording/resume"): {OWNER, DEVELOPER, Scope.CALLS_WRITE},
    ("GET", "/v1/masking/call-logs"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/call-logs/csv"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/stats"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/stats/series"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/stats/series/csv"): {*ALL, Scope.CALLS_READ},
    ("GET", "/v1/masking/billing"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/prompts"): {OWNER, DEVELOPER, Scope.PROMPTS_READ},
    ("GET", "/v1/prompts/{name}"): {OWNER, DEVELOPER, Scope.PROMPTS_READ},
    ("PUT", "/v1/prompts/{name}"): {OWNER, DEVELOPER, Scope.PROMPTS_WRITE},
    ("DELETE", "/v1/prompts/{name}"): {OWNER, DEVELOPER, Scope.PROMPTS_WRITE},
    ("GET", "/v1/prompt-choice"): {OWNER, DEVELOPER, Scope.PROMPTS_READ},
    ("PUT", "/v1/prompt-choice"): {OWNER, DEVELOPER, Scope.PROMPTS_WRITE},
    ("GET", "/v1/agents"): {OWNER, DEVELOPER, VIEWER, Scope.AGENTS_READ},
    ("POST", "/v1/agents"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("GET", "/v1/agents/{agent}"): {OWNER, DEVELOPER, VIEWER, Scope.AGENTS_READ},
    ("PATCH", "/v1/agents/{agent}"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("DELETE", "/v1/agents/{agent}"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("POST", "/v1/agents/{agent}/tokens"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("DELETE", "/v1/agents/{agent}/tokens"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("DELETE", "/v1/agents/{agent}/tokens/{token_id}"): {OWNER, DEVELOPER, Scope.AGENTS_WRITE},
    ("GET", "/v1/agent/me"): {AGENT},
    ("PUT", "/v1/agent/state"): {AGENT},
    ("GET", "/v1/agent/events"): {AGENT},
    ("POST", "/v1/agent/calls"): {AGENT},
    ("POST", "/v1/agent/calls/{call_sid}/media"): {AGENT},
    ("PATCH", "/v1/agent/calls/{call_sid}/media"): {AGENT},
    ("DELETE", "/v1/agent/calls/{call_sid}/media"): {AGENT},
    ("POST", "/v1/agent/calls/{call_sid}/decline"): {AGENT},
    ("POST", "/v1/agent/calls/{call_sid}/hold"): {AGENT},
    ("POST", "/v1/agent/calls/{call_sid}/resume"): {AGENT},
    ("POST", "/v1/agent/calls/{call_sid}/digits"): {AGENT},
    ("GET", "/v1/masking/calls/{call_sid}/streams"): {OWNER, DEVELOPER, Scope.STREAMS_WRITE},
    ("POST", "/v1/masking/calls/{call_sid}/streams"): {OWNER, DEVELOPER, Scope.STREAMS_WRITE},
    ("DELETE", "/v1/masking/calls/{call_sid}/streams/{stream_id}"): {OWNER, DEVELOPER, Scope.STREAMS_WRITE},
    ("GET", "/v1/masking/calls/{call_sid}/supervisors"): {OWNER, Scope.SUPERVISE},
    ("GET", "/v1/masking/calls/{call_sid}/supervisors/ice-servers"): {OWNER, Scope.SUPERVISE},
    ("POST", "/v1/masking/calls/{call_sid}/supervisors"): {OWNER, Scope.SUPERVISE},
    ("PATCH", "/v1/masking/calls/{call_sid}/supervisors/{supervisor_id}"): {OWNER, Scope.SUPERVISE},
    ("DELETE", "/v1/masking/calls/{call_sid}/supervisors/{supervisor_id}"): {OWNER, Scope.SUPERVISE},
    ("GET", "/v1/account/stream-endpoints"): {OWNER, DEVELOPER, READ},
    ("POST", "/v1/account/stream-endpoints"): {OWNER, DEVELOPER, WRITE},
    ("DELETE", "/v1/account/stream-endpoints/{endpoint_id}"): {OWNER, DEVELOPER, WRITE},
    ("GET", "/v1/public/recordings/masking/{file}"): EVERYBODY,
    ("GET", "/healthz"): EVERYBODY,
    ("GET", "/readyz"): EVERYBODY,
    ("GET", "/metrics"): EVERYBODY,
    ("GET", "/v1/openapi.json"): EVERYBODY,
    ("GET", "/docs"): EVERYBODY,
    ("POST", "/v1/account/sessions"): EVERYBODY,
    ("DELETE", "/v1/account/sessions"): SIGNED_IN,
    ("DELETE", "/v1/account/sessions/current"): SIGNED_IN,
    ("PATCH", "/v1/account/sessions/current"): SIGNED_IN,
    ("GET", "/v1/account/me"): SIGNED_IN,
    ("POST", "/v1/account/password"): SIGNED_IN,
    ("POST", "/v1/account/password-resets"): EVERYBODY,
    ("POST", "/v1/account/password-resets/finish"): EVERYBODY,
    ("POST", "/v1/account/totp"): SIGNED_IN,
    ("POST", "/v1/account/totp/confirm"): SIGNED_IN,
    ("POST", "/v1/account/totp/disable"): SIGNED_IN,
    ("GET", "/v1/account/people"): {OWNER, DEVELOPER, FINANCE, READ},
    ("POST", "/v1/account/people"): {OWNER},
    ("PATCH", "/v1/account/people/{person_id}"): {OWNER},
    ("DELETE", "/v1/account/people/{person_id}"): {OWNER},
    ("POST", "/v1/account/invitations/show"): EVERYBODY,
    ("POST", "/v1/account/invitations/accept"): EVERYBODY,
    ("GET", "/v1/account/keys"): {OWNER, DEVELOPER, READ},
    ("POST", "/v1/account/keys"): {OWNER, DEVELOPER, WRITE},
    ("POST", "/v1/account/keys/{key_id}/rotate"): {OWNER, DEVELOPER, WRITE},
    ("DELETE", "/v1/account/keys/{key_id}"): {OWNER, DEVELOPER, WRITE},
    ("GET", "/v1/account/webhooks"): {OWNER, DEVELOPER, READ},
    ("POST", "/v1/account/webhooks"): {OWNER, DEVELOPER, WRITE},
    ("PATCH", "/v1/account/webhooks/{webhook_id}"): {OWNER, DEVELOPER, WRITE},
    ("POST", "/v1/account/webhooks/{webhook_id}/rotate"): {OWNER, DEVELOPER, WRITE},
    ("POST", "/v1/account/webhooks/{webhook_id}/disable"): {OWNER, DEVELOPER, WRITE},
    ("POST", "/v1/account/webhooks/{webhook_id}/enable"): {OWNER, DEVELOPER, WRITE},
    ("GET", "/v1/account/webhooks/{webhook_id}/deliveries"): {OWNER, DEVELOPER, READ},
    ("POST", "/v1/account/webhooks/{webhook_id}/test"): {OWNER, DEVELOPER, WRITE},
    ("GET", "/v1/account/deliveries/{delivery_id}"): {OWNER, DEVELOPER, READ},
    ("POST", "/v1/account/deliveries/{delivery_id}/replay"): {OWNER, DEVELOPER, WRITE},
    ("GET", "/v1/account/organisation"): {*ALL, READ},
    ("PATCH", "/v1/account/organisation"): {OWNER, WRITE},
    ("GET", "/v1/account/audit"): {OWNER, DEVELOPER, READ},
    ("GET", "/v1/account/topups"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("POST", "/v1/account/topups"): {OWNER, FINANCE},
    ("GET", "/v1/account/topups/{topup_id}"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("POST", "/v1/account/topups/{topup_id}/confirm"): {OWNER, FINANCE},
    ("GET", "/v1/account/invoices"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/invoices/{number}"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/invoices/{number}/pdf"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/invoices/{number}/csv"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/refunds"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/statements"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/statements/{month}"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/statements/{month}/pdf"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/statements/{month}/csv"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/ledger"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("GET", "/v1/account/ledger/csv"): {OWNER, FINANCE, Scope.BILLING_READ},
    ("POST", "/v1/payments/razorpay"): EVERYBODY,
    ("GET", "/v1/admin/organisations/{org_id}/refunds"): {OPERATOR},
    ("POST", "/v1/admin/organisations/{org_id}/refunds"): {OPERATOR},
    ("GET", "/v1/admin/organisations"): {OPERATOR},
    ("POST", "/v1/admin/organisations"): {OPERATOR},
    ("GET", "/v1/admin/organisations/{org_id}"): {OPERATOR},
    ("PATCH", "/v1/admin/organisations/{org_id}"): {OPERATOR},
    ("POST", "/v1/admin/organisations/{org_id}/suspend"): {OPERATOR},
    ("POST", "/v1/admin/organisations/{org_id}/resume"): {OPERATOR},
    ("POST", "/v1/admin/organisations/{org_id}/credit"): {OPERATOR},
    ("GET", "/v1/admin/organisations/{org_id}/credit-notes"): {OPERATOR},
    ("POST", "/v1/admin/organisations/{org_id}/credit-notes"): {OPERATOR},
    ("GET", "/v1/admin/people"): {OPERATOR},
    ("POST", "/v1/admin/people"): {OPERATOR},
    ("PATCH", "/v1/admin/people/{person_id}"): {OPERATOR},
    ("DELETE", "/v1/admin/people/{person_id}"): {OPERATOR},
    ("GET", "/v1/admin/audit"): {OPERATOR},
    ("GET", "/v1/admin/trunks"): {OPERATOR},
    ("GET", "/v1/admin/numbers"): {OPERATOR},
}
ENDPOINTS = sorted((route.method, route.path) for route in ROUTES)
GUARDED = [endpoint for endpoint in ENDPOINTS if MAY.get(endpoint) != EVERYBODY]


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


def test_every_endpoint_is_in_the_table_and_nothing_else() -> None:
    assert set(MAY) == set(ENDPOINTS)


def asked(method: str, path: str) -> str:
    """The method to ask with: a stream has no end, so only its head is asked for."""
    return "HEAD" if path in ("/v1/masking/events", "/v1/agent/events") else method


def filled(path: str) -> str:
    """A path with something in place of its names; none of it is there."""
    for name, value in (
        ("{call_sid}", "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"),
        ("{file}", "x.mp3"),
        ("{delivery_id}", "1"),
        ("{person_id}", "x"),
        ("{key_id}", "x"),
        ("{webhook_id}", "x"),
        ("{org_id}", "x"),
        ("{name}", "x"),
        ("{topup_id}", "x"),
        ("{stream_id}", "x"),
        ("{supervisor_id}", "x"),
        ("{endpoint_id}", "x"),
        ("{number}", "x"),
        ("{month}", "x"),
        ("{agent}", "x"),
        ("{token_id}", "x"),
    ):
        path = path.replace(name, value)
    assert "{" not in path
    return path


@pytest.mark.parametrize("who", [*Role, None, "operator"])
async def test_people_may_what_the_table_says(world: ApiWorld, who: Role | str | None) -> None:
    name = NOBODY if who is None else str(who)
    browser = await somebody(world, who if isinstance(who, Role) else None, operator=who == "operator")
    email = (await browser.send("GET", "/v1/account/me")).json["data"]["person"]["email"]
    for method, path in GUARDED:
        status = (await browser.send(asked(method, path), filled(path))).status
        assert (status != 403) == (name in MAY[method, path]), (method, path, status)
        assert status != 401, (method, path)
        if method == "DELETE" and path.startswith("/v1/account/sessions"):
            browser = await sign_in(world, email)


@pytest.mark.parametrize("scope", Scope)
async def test_keys_may_what_the_table_says(world: ApiWorld, scope: Scope) -> None:
    key = await world.add_key("a", scopes=frozenset({scope}))
    for method, path in GUARDED:
        status = (await world.send(asked(method, path), filled(path), key=key)).status
        assert (status != 403) == (scope in MAY[method, path]), (method, path, status)
        assert status != 401, (method, path)


async def test_an_agents_token_is_good_for_the_agents_own_calls_alone(world: ApiWorld) -> None:
    token = await agent_token(world, "asha")
    for method, path in GUARDED:
        status = (await world.send(asked(method, path), filled(path), key=token)).status
        assert (status != 403) == (AGENT in MAY[method, path]), (method, path, status)
        assert status != 401, (method, path)


async def test_strangers_may_nothing(world: ApiWorld) -> None:
    for method, path in GUARDED:
        assert (await world.send(asked(method, path), filled(path), key=None)).status == 401, (method, path)


async def test_an_operator_who_looks_at_an_organisation_may_what_its_owner_may(world: ApiWorld) -> None:
    boss = await somebody(world, None, operator=True)
    await boss.send("PATCH", "/v1/account/sessions/current", json={"org_id": ORG})
    for (method, path), may in MAY.items():
        if may != EVERYBODY and OWNER in may and not path.startswith("/v1/account/sessions"):
            assert (await boss.send(asked(method, path), filled(path))).status != 403, path


def test_the_tables_of_rights_agree_with_each_other() -> None:
    assert set(ROLE_RIGHTS) == set(Role)
    assert set(SCOPE_RIGHTS) == set(Scope)
    assert all(rights <= ROLE_RIGHTS[Role.OWNER] for rights in ROLE_RIGHTS.values())
    assert all(scope_for(right) is None for right in (Right.OWN_SIGN_IN, Right.PEOPLE_WRITE, Right.OPERATE))
    assert {Right(scope) for scope in USUAL_SCOPES} <= set(Right)
    assert not {Scope.ACCOUNT_READ, Scope.ACCOUNT_WRITE} & USUAL_SCOPES
