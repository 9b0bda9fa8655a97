"""The OpenAPI document, the page made from it, health and metrics."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from b2bua.call.masking import normalise_mobile, parse_party
from control_api import recording_schemas, schemas
from control_api.app import ROUTES
from control_api.errors import ERRORS
from control_api.field_texts import FIELD_TEXTS
from control_api.operation import Operation
from control_api.operations import OPERATIONS
from storage.records import TEST_NUMBER, CallRecord, CallStats, CallStatus, LegRecord, Recording, WebhookEvent
from tests.support.api_world import CALLS, ApiWorld, api_world, documented, every_route

A_CALL = CallRecord(
    "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d",
    "org",
    "9876543210",
    "9123456789",
    "917969002802",
    "click_to_call",
    CallStatus.INITIATED,
    1_735_732_800_999,
    reference="r",
)
A_RECORDING = Recording(A_CALL.call_id, "org", "x.wav", "x.mp3", 94_000, 0, A_CALL.created_at)


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def test_the_document_is_valid_openapi_3_1(world: ApiWorld) -> None:
    document = (await world.get("/v1/openapi.json", key=None)).json
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    assert document == world.document
    assert document["servers"] == [{"url": "http://calls.example"}]


def test_query_parameters_say_what_is_taken_in_words_of_json_schema() -> None:
    parameters = documented()["paths"]["/v1/masking/call-logs"]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert schemas["page"] == {"type": "integer", "minimum": 1, "default": 1}
    assert schemas["per_page"] == {"type": "integer", "minimum": 1, "default": 20}
    assert schemas["status"] == {"$ref": "#/components/schemas/CallStatus"}
    assert schemas["start_date"] == schemas["end_date"] == {"type": "string", "format": "date-time"}
    assert schemas["reference"].keys() == {"type", "maxLength", "pattern"}


@pytest.mark.parametrize(
    "party",
    [
        "9876543210",
        "+919876543210",
        "91 98765-43210",
        "0-98765 43210",
        "sip:9876543210@127.0.0.1:5060",
        "agent:asha",
        "agent:" + "0._-" * 16,
    ],
)
def test_a_good_party_fits_the_documented_pattern(party: str) -> None:
    schema = documented()["components"]["schemas"]["PlaceCallBody"]["properties"]["party_a"]
    assert re.search(schema["pattern"], party)
    assert parse_party(party, sip_allowed=True, agents_allowed=True) is not None


@pytest.mark.parametrize("party", ["agent:", "agent:Asha", "agent:-a", "agent:a b", "agent:" + "a" * 65, "xagent:asha"])
def test_what_is_no_agents_name_fits_it_not(party: str) -> None:
    schema = documented()["components"]["schemas"]["PlaceCallBody"]["properties"]["party_a"]
    assert re.search(schema["pattern"], party) is None
    assert parse_party(party, sip_allowed=True, agents_allowed=True) is None


@given(
    text=st.from_regex(r"\+?[0-9][0-9 -]{8,15}", fullmatch=True)
    | st.from_regex(r"\+?9 ?1 ?[5-9][0-9]{9}", fullmatch=True)
)
def test_the_documented_pattern_of_numbers_is_what_is_taken(text: str) -> None:
    schema = documented()["components"]["schemas"]["PlaceCallBody"]["properties"]["party_b"]
    assert (re.search(schema["pattern"], text) is None) == (normalise_mobile(text) is None)


def test_every_route_is_documented_and_nothing_else() -> None:
    assert {(operation.method, operation.path) for operation in OPERATIONS} == every_route()


def test_every_field_and_every_parameter_says_what_it_is() -> None:
    document = documented()
    schemas = document["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    assert silent == [], "give each a description, in its model or in control_api/field_texts.py"
    assert [
        (path, one["name"])
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for one in operation.get("parameters", ())
        if not one.get("description")
    ] == []
    fields = {field for schema in schemas.values() for field in schema.get("properties", {})}
    whole = {f"{name}.{field}" for name, schema in schemas.items() for field in schema.get("properties", {})}
    assert set(FIELD_TEXTS) <= fields | whole, "texts of fields that there are not"


def test_what_may_be_null_is_told_by_its_own_text_and_not_by_that_of_another_field_of_its_name() -> None:
    schemas = documented()["components"]["schemas"]
    told = {
        f"{name}.{field}": described["description"]
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
    }
    assert told["ChangeOwnOrganisationBody.address"] == "As invoices say it, in one line"
    assert told["CreateOrganisationBody.address"] == "As invoices say it, in one line"
    assert told["ChangeOwnOrganisationBody.state"].startswith("The name or the GST number of a state")
    assert told["AuditEntryView.address"] == "The network address it came from"


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body], ids=lambda each: str(each.name))
def test_every_body_has_an_example_that_is_taken(operation: Operation) -> None:
    assert operation.body is not None
    examples = documented()["components"]["schemas"][operation.body.__name__].get("examples", ())
    assert examples
    for example in examples:
        operation.body.model_validate(example)


def test_every_error_of_the_table_is_documented() -> None:
    document = documented()
    told = {
        (int(status), code)
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        for code in response.get("content", {}).get("application/json", {}).get("examples", {})
    }
    # A wrong method has no operation to be documented under.
    assert set(ERRORS.values()) - told == {(405, "method_not_allowed")}
    assert (500, "internal_error") in told


def test_rights_are_documented_as_they_are_checked() -> None:
    checked = {(route.method, route.path): route.needs for route in ROUTES}
    assert {(operation.method, operation.path): operation.needs for operation in OPERATIONS} == checked


def test_representations_have_the_fields_of_their_schemas() -> None:
    assert set(schemas.call_representation(A_CALL, "documented")) == set(schemas.CallView.model_fields)
    assert set(schemas.leg_representation(LegRecord("a"))) == set(schemas.LegView.model_fields)
    placed = set(schemas.placed_call_representation(A_CALL))
    assert placed == set(schemas.PlacedCallView.model_fields) - {"test"}
    a_test = replace(A_CALL, masked_number=TEST_NUMBER)
    assert set(schemas.placed_call_representation(a_test)) == set(schemas.PlacedCallView.model_fields)
    assert set(schemas.ending_call_representation("x")) == set(schemas.EndingCallView.model_fields)
    recording = recording_schemas.recording_representation(A_RECORDING, A_CALL, "u", 1, 2)
    assert set(recording) == set(recording_schemas.RecordingView.model_fields)
    paused = recording_schemas.recording_pause_representation("x", paused=True)
    assert set(paused) == set(recording_schemas.RecordingPauseView.model_fields)
    stats = schemas.stats_representation(CallStats(1, 2, 3, 4, 94, 301, 5, 6))
    assert set(stats) == set(schemas.StatsView.model_fields)
    assert (stats["total_minutes"], stats["total_cost"]) == (94 / 60, 3.01)


def test_unset_is_null_and_seconds_are_cut() -> None:
    shown = schemas.call_representation(A_CALL, "documented")
    assert shown["created_at"] == "2025-01-01T12:00:00Z"
    unset = {name for name, value in shown.items() if value is None}
    assert unset == {
        "started_at",
        "a_answered_at",
        "answered_at",
        "ended_at",
        "duration_sec",
        "bill_duration_sec",
        "price",
        "hangup_cause",
        "hangup_party",
        "recording_url",
    }


@pytest.mark.parametrize(
    ("amount_paise", "number", "text"),
    [(0, "0", "0.00"), (300, "3", "3.00"), (150, "1.5", "1.50"), (7, "0.07", "0.07"), (-105, "-1.05", "-1.05")],
)
def test_rupees(amount_paise: int, number: str, text: str) -> None:
    assert json.dumps(schemas.rupees(amount_paise)) == number
    assert schemas.rupees_with_decimals(amount_paise) == text


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.ids.append(value)


async def test_the_page_is_self_contained(world: ApiWorld) -> None:
    reply = await world.get("/docs/api/", key=None)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    html = reply.body.decode()
    page = _Page()
    page.feed(html)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert {link for link in page.links if not link.startswith("#")} - {"/docs/"} == {"/v1/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids)) == len(OPERATIONS)
    assert 'name="viewport"' in html
    assert "prefers-color-scheme:dark" in html
    assert "one of initiated, ringing, answered, in-progress, completed, failed, no-answer" in html
    for operation in OPERATIONS:
        assert f"<code>{operation.path}</code>" in html


async def test_the_page_has_a_strict_policy_that_fits_its_style(world: ApiWorld) -> None:
    reply = await world.get("/docs/api/", key=None)
    policy = reply.headers["Content-Security-Policy"]
    styles = re.findall(r"<style>(.*?)</style>", reply.body.decode(), re.DOTALL)
    assert len(styles) == 1
    assert f"'sha256-{b64encode(sha256(styles[0].encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in reply.body.decode()


async def test_health(world: ApiWorld) -> None:
    assert (await world.get("/healthz", key=None)).json["data"] == {"status": "ok"}
    assert (await world.get("/readyz", key=None)).json["data"] == {"status": "ready"}
    world.switch.is_ready = False
    reply = await world.get("/readyz", key=None)
    assert (reply.status, reply.json["error"]["code"], reply.headers["Retry-After"]) == (503, "no_capacity", "1")
    assert (await world.get("/healthz", key=None)).status == 200


async def test_metrics(world: ApiWorld) -> None:
    await world.place()
    await world.get(f"{CALLS}/x")
    await world.get("/nowhere")
    reply = await world.get("/metrics", key=None)
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = reply.body.decode().splitlines()
    for line in (
        'maskbridge_api_requests_total{method="POST",path="/v1/masking/calls",status="201"} 1.0',
        'maskbridge_api_requests_total{method="GET",path="/v1/masking/calls/{call_sid}",status="404"} 1.0',
        'maskbridge_api_requests_total{method="GET",path="unmatched",status="404"} 1.0',
        'maskbridge_api_request_seconds_count{path="/v1/masking/calls"} 1.0',
        "maskbridge_live_calls 1.0",
        "maskbridge_ready 1.0",
        'maskbridge_trunk_up{trunk="carrier"} 1.0',
        'maskbridge_trunk_live_calls{trunk="carrier"} 2.0',
        'maskbridge_trunk_options_seconds{trunk="carrier"} 0.0125',
        'maskbridge_trunk_destinations{trunk="carrier"} 3.0',
        'maskbridge_trunk_destinations_open{trunk="carrier"} 2.0',
        'maskbridge_trunk_cps_waiting{trunk="carrier"} 4.0',
        'maskbridge_trunk_calls_placed_total{trunk="carrier"} 9.0',
        'maskbridge_trunk_failovers_total{trunk="carrier"} 1.0',
        'maskbridge_trunk_calls_failed_total{cause="503",trunk="carrier"} 2.0',
        'maskbridge_trunk_calls_failed_total{cause="no_response",trunk="carrier"} 1.0',
        "maskbridge_calls_placed_total 7.0",
        "maskbridge_ports_left 90.0",
    ):
        assert line in lines
    assert not re.search("9876543210", reply.body.decode())


@pytest.mark.parametrize("event", WebhookEvent)
def test_each_event_is_in_the_document_with_a_body_as_it_is_sent(event: WebhookEvent) -> None:
    document = documented()
    described = document["webhooks"][event.value]["post"]["requestBody"]["content"]["application/json"]
    schemas_there = document["components"]["schemas"]
    body = schemas_there[described["schema"]["$ref"].rsplit("/", 1)[1]]
    example = described["example"]
    assert set(example) == set(body["properties"])
    assert example["event"] == event.value
    shown = schemas_there[body["properties"]["data"]["$ref"].rsplit("/", 1)[1]]["properties"]
    assert set(shown) - set(example["data"]) <= {"download_url"}
    assert set(example["data"]) <= set(shown)
    assert ("download_url" in example["data"]) == (event is WebhookEvent.RECORDING_READY)
    Draft202012Validator({**described["schema"], "components": document["components"]}).validate(example)
