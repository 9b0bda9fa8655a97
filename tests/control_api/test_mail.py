"""Letters: sent, tried again, given up; never an address in the log."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default

import pytest

from b2bua.config.sections import MailSection
from control_api.mail.letters import Heading, Letter, LetterKind, invitation_letter, low_balance_letter, reset_letter
from control_api.mail.office import post_of
from control_api.mail.post import PAUSES_S, WAITING_MAX, CarrierAway, LetterRefused, Post
from control_api.mail.smtp import MailServer, SmtpCarrier
from storage.billing_records import LowBalance
from storage.errors import StoreUnavailable
from tests.support.certificates import Authority
from tests.support.mail import Letterbox, Pauses
from tests.support.toy_smtp import ToySmtp

HEADING = Heading("3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d", 1_735_732_800_000)
LETTER = reset_letter(HEADING, "asha@shop.example", "https://calls.example/portal/password-resets/abc", HEADING.at_ms)


async def test_a_letter_is_tried_again_and_sent_once(caplog: pytest.LogCaptureFixture) -> None:
    box, pauses = Letterbox(troubles=iter([CarrierAway("421"), CarrierAway("OSError")])), Pauses()
    post = Post(box, pauses)
    assert post.send(LETTER)
    await post.settled()
    assert box.letters == [LETTER]
    assert pauses.seconds == list(PAUSES_S[1:3])
    assert post.counters() == {
        "mail_sent_total": 1,
        "mail_given_up_total": 0,
        "mail_dropped_total": 0,
        "mail_waiting": 0,
    }
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("trouble", "attempts"), [(CarrierAway("421"), len(PAUSES_S)), (LetterRefused("550"), 1)], ids=str
)
async def test_a_letter_is_given_up(caplog: pytest.LogCaptureFixture, trouble: Exception, attempts: int) -> None:
    box, pauses = Letterbox(troubles=iter([trouble] * 9)), Pauses()
    post = Post(box, pauses)
    post.send(LETTER)
    await post.settled()
    assert len(pauses.seconds) == attempts - 1
    assert post.counters()["mail_given_up_total"] == 1
    assert caplog.messages == [f"a letter was given up (password reset): {trouble}"]
    assert "shop.example" not in caplog.text + repr(LETTER)


async def test_too_many_letters_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    post = Post(Letterbox(), Pauses())
    assert all([post.send(LETTER) for _ in range(WAITING_MAX)])
    assert not post.send(LETTER)
    assert post.counters()["mail_dropped_total"] == 1
    await post.settled()
    assert post.send(LETTER)
    await post.close()
    assert "1 letters were not sent" in caplog.text


async def test_letters_that_cannot_be_written_are_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def writing() -> list[Letter]:
        raise StoreUnavailable("closed")

    post = Post(Letterbox(), Pauses())
    post.write(writing, LetterKind.PASSWORD_RESET)
    await post.settled()
    assert caplog.messages == ["a letter could not be written (password reset): closed"]


def test_what_letters_say() -> None:
    invited = invitation_letter(HEADING, "a@b.example", "R&D", "https://x/portal/invitations/t", HEADING.at_ms)
    assert "https://x/portal/invitations/t" in invited.text
    assert "01 January 2025, 12:00 UTC" in invited.text
    assert "operator" in invitation_letter(HEADING, "a@b.example", None, "u", 0).subject
    low = low_balance_letter(HEADING, "a@b.example", LowBalance(1, "o", "Shop", 9_950, 10_000, 1, 1), "https://x/")
    assert "Rs 99.50, below the Rs 100.00" in low.text


def test_without_a_host_there_is_no_post() -> None:
    assert post_of(MailSection()) is None
    assert post_of(MailSection(host="127.0.0.1", sender="a@b.example")) is not None


@dataclass(frozen=True)
class Contexts:
    """TLS as a server has it, and as one has it who trusts its authority."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    files = authority.issue("127.0.0.1")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    return Contexts(server, ssl.create_default_context(cafile=authority.file))


@asynccontextmanager
async def carrier(
    toy: ToySmtp, tls: str = "none", user: str = "", contexts: Contexts | None = None
) -> AsyncIterator[SmtpCarrier]:
    """Who hands letters to the stand-in."""
    server = await toy.start(contexts.server if tls == "tls" and contexts is not None else None)
    port = server.sockets[0].getsockname()[1]
    account = MailServer("127.0.0.1", port, tls, user, user and "secret", "calls@op.example")
    try:
        yield SmtpCarrier(account, None if contexts is None else contexts.client)
    finally:
        await toy.close(server)


@pytest.mark.sockets
@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
async def test_a_letter_reaches_a_mail_server(contexts: Contexts, tls: str) -> None:
    toy = ToySmtp(tls=contexts.server if tls == "starttls" else None)
    async with carrier(toy, tls, "calls", contexts) as smtp:
        await smtp.carry(LETTER)
    message = message_from_bytes(toy.messages[0], policy=default)
    assert (message["To"], message["From"], message["Subject"]) == (
        "asha@shop.example",
        "calls@op.example",
        "A new password",
    )
    assert message["Message-ID"] == f"<{HEADING.letter_id}@op.example>"
    assert "https://calls.example/portal/password-resets/abc" in message.get_content()
    assert toy.logins == ["\0calls\0secret"]


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("word", "reply", "kind"),
    [
        ("RCPT", "550 no asha@shop.example here", LetterRefused),
        ("RCPT", "450 asha@shop.example is busy", CarrierAway),
        ("MAIL", "553 not from you", LetterRefused),
        ("MAIL", "421 later", CarrierAway),
        ("AUTH", "535 wrong", CarrierAway),
    ],
)
async def test_what_a_mail_server_refuses(word: str, reply: str, kind: type[Exception]) -> None:
    async with carrier(ToySmtp(replies={word: reply}), user="calls") as smtp:
        with pytest.raises(kind) as refusal:
            await smtp.carry(LETTER)
    assert "asha" not in str(refusal.value)


@pytest.mark.sockets
async def test_a_mail_server_that_is_not_there_or_offers_no_tls_is_tried_again() -> None:
    async with carrier(ToySmtp()) as smtp:
        pass
    with pytest.raises(CarrierAway):
        await smtp.carry(LETTER)
    async with carrier(ToySmtp(), "starttls") as plain:
        with pytest.raises(CarrierAway):
            await plain.carry(LETTER)
