"""Answers to requests that get no transaction: the same request gets the same To tag (sections 8.2.7, 19.3)."""

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.settings import UserAgentLimits
from b2bua.sip.stateless_tags import StatelessTags
from tests.support.agents import Bench, request_from_peer
from tests.support.seeded_tokens import SeededTokens

MERGED = request_from_peer("INVITE", branch="z9hG4bKother-path")
BROKEN = request_from_peer("OPTIONS", headers="Contact: <sip:x@[")


def tag_of_answer(bench: Bench, content: bytes, status: int) -> str:
    [response] = bench.receive(content)
    assert isinstance(response, Response)
    assert (response.status, response.to_tag is None) == (status, False)
    return response.to_tag or ""


@pytest.mark.parametrize(("content", "status"), [(MERGED, 482), (BROKEN, 400)], ids=["merged", "malformed"])
def test_a_request_that_comes_again_gets_the_same_tag(content: bytes, status: int) -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    tags = {tag_of_answer(bench, content, status) for _ in range(3)}
    assert len(tags) == 1


def test_a_request_for_which_there_is_no_room_gets_the_same_tag_again() -> None:
    bench = Bench(UserAgentLimits(transactions=1))
    bench.receive(request_from_peer("OPTIONS"))
    refused = request_from_peer("OPTIONS", call_id="another", branch="z9hG4bKanother")
    assert tag_of_answer(bench, refused, 503) == tag_of_answer(bench, refused, 503)


def test_another_request_has_a_tag_of_its_own() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    tags = {tag_of_answer(bench, request_from_peer("INVITE", branch=f"z9hG4bK{path}"), 482) for path in "abc"}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "changed",
    [
        request_from_peer("OPTIONS"),
        request_from_peer("INVITE", uri="sip:192.0.2.1:5070"),
        request_from_peer("INVITE", via="203.0.113.11:5060"),
        request_from_peer("INVITE", from_tag="another"),
        request_from_peer("INVITE", to_tag="another"),
        request_from_peer("INVITE", call_id="another"),
        request_from_peer("INVITE", cseq=2),
    ],
)
def test_whatever_tells_two_requests_apart_tells_their_tags_apart(changed: bytes) -> None:
    """Peers of RFC 2543 put no branch of their own into each."""
    tags = StatelessTags(SeededTokens("tags"))
    requests = [parse_message(content) for content in (request_from_peer("INVITE"), changed)]
    assert len({tags.tag_of(request) for request in requests if isinstance(request, Request)}) == 2


def test_nobody_can_foretell_a_tag() -> None:
    secrets = (StatelessTags(SeededTokens(seed)) for seed in ("one", "another"))
    request = parse_message(MERGED)
    assert isinstance(request, Request)
    assert len({secret.tag_of(request) for secret in secrets}) == 2
