"""People who sign in, and the audit log, from the command line."""

import io
import json
import re
from typing import Any

import pytest
from argon2 import PasswordHasher

from b2bua.commands import people
from control_api.mail.post import CarrierAway, LetterRefused
from control_api.passwords import Passwords
from storage.store import Store
from tests.support.mail import Letterbox

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(people, "Passwords", lambda: Passwords(hasher))


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Any:
    def pipe(text: str = GOOD) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))

    pipe()
    return pipe


async def stored_hash(desk: Any, email: str) -> str:
    store = await Store.open(f"sqlite:///{desk.folder / 'var' / 'maskbridge.db'}")
    try:
        person = await store.read(lambda reader: reader.person_by_email(email))
        assert person is not None
        assert person.password_hash is not None
        return person.password_hash
    finally:
        await store.close()


def test_a_person_is_added_listed_and_removed(desk: Any, piped: Any) -> None:
    org = desk.org()
    made = desk.json("person", "add", "Asha@Shop.example", "--name", "Asha", "--org", org, "--role", "owner")
    assert set(made) == {"person_id", "email", "name"}
    [row] = desk.json("person", "list")["data"]
    assert (row["email"], row["roles"], row["operator"], row["totp"]) == (
        "asha@shop.example",
        [f"{org}:owner"],
        False,
        False,
    )
    assert desk.json("person", "list", "--org", org)["data"] == [row]
    piped()
    assert "there already" in desk.refused("person", "add", "asha@shop.example", "--operator")
    assert "last owner" in desk.refused("person", "remove", "asha@shop.example")
    piped()
    desk.json("person", "add", "ravi@shop.example", "--org", org, "--role", "owner")
    assert desk.json("person", "remove", "asha@shop.example")["person_id"] == made["person_id"]
    assert [row["email"] for row in desk.json("person", "list", "--org", org)["data"]] == ["ravi@shop.example"]
    assert "nobody" in desk.refused("person", "remove", "asha@shop.example")


def test_the_password_is_stored_as_argon2id_and_replaced(desk: Any, piped: Any) -> None:
    import asyncio

    desk.json("person", "add", "asha@shop.example", "--operator")
    first = asyncio.run(stored_hash(desk, "asha@shop.example"))
    assert first.startswith("$argon2id$")
    piped("another good password")
    desk.json("person", "passwd", "asha@shop.example", "--reset-totp")
    second = asyncio.run(stored_hash(desk, "asha@shop.example"))
    assert PasswordHasher().verify(second, "another good password")
    assert second != first


def test_roles_are_given_and_taken(desk: Any, piped: Any) -> None:
    org = desk.org()
    desk.json("person", "add", "asha@shop.example", "--operator")
    desk.json("person", "role", "asha@shop.example", "--org", org, "--role", "developer", "--operator", "no")
    [row] = desk.json("person", "list")["data"]
    assert (row["roles"], row["operator"]) == ([f"{org}:developer"], False)
    desk.json("person", "remove", "asha@shop.example", "--org", org)
    assert desk.json("person", "list")["data"][0]["roles"] == []
    assert "no role" in desk.refused("person", "remove", "asha@shop.example", "--org", org)


def test_an_invitation_is_shown_once(desk: Any) -> None:
    org = desk.org()
    made = desk.json("person", "add", "asha@shop.example", "--org", org, "--role", "viewer", "--invite")
    assert re.fullmatch(r"[0-9a-f]{64}", made["token"])
    assert made["url"].endswith(made["token"])
    database = b"".join(path.read_bytes() for path in (desk.folder / "var").iterdir() if path.is_file())
    assert made["token"].encode() not in database


@pytest.mark.parametrize("trouble", [None, CarrierAway("421"), LetterRefused("550")], ids=str)
def test_an_invitation_goes_out_by_mail(desk: Any, monkeypatch: pytest.MonkeyPatch, trouble: Exception | None) -> None:
    box = Letterbox(troubles=iter([] if trouble is None else [trouble]))
    monkeypatch.setattr(people, "carrier_of", lambda mail: box)
    written = desk.config.read_text().replace("[mail]\n", '[mail]\nhost = "mail.example"\nsender = "a@mail.example"\n')
    desk.config.write_text(re.sub(r'^(host|sender) = ""$', "", written, flags=re.MULTILINE))
    org = desk.org()
    asked = ("person", "add", "asha@shop.example", "--org", org, "--role", "viewer", "--invite", "--json")
    status, out, err = desk.type(*asked)
    made = json.loads(out)
    assert (status, made["mailed"]) == (0, trouble is None)
    assert (str(trouble) in err) == (trouble is not None)
    assert [made["url"] in letter.text for letter in box.letters] == ([True] if trouble is None else [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "nonsense", "--operator"), "mail address"),
        (("add", "asha@shop.example"), "what this person may do"),
        (("add", "asha@shop.example", "--role", "owner"), "go together"),
        (("add", "asha@shop.example", "--org", "nowhere", "--role", "owner"), "no organisation"),
        (("add", "asha@shop.example", "--org", "x", "--role", "king"), "unknown role"),
        (("role", "asha@shop.example"), "which role"),
        (("role", "asha@shop.example", "--operator", "yes"), "nobody"),
        (("passwd", "asha@shop.example"), "nobody"),
        (("list", "--org", "nowhere"), "no organisation"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(desk: Any, piped: Any, arguments: tuple[str, ...], said: str) -> None:
    assert said in desk.refused("person", *arguments)


def test_a_password_that_did_not_come_is_told_apart(desk: Any, piped: Any) -> None:
    piped("")
    assert "no password came" in desk.refused("person", "add", "asha@shop.example", "--operator")


def test_a_password_that_is_no_text_is_refused_and_not_shown(desk: Any, piped: Any) -> None:
    piped("a good password \udcff")
    told = desk.refused("person", "add", "asha@shop.example", "--operator")
    assert "not UTF-8" in told
    assert "good" not in told


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(desk: Any, piped: Any, password: str) -> None:
    piped(password)
    assert "12 to 256" in desk.refused("person", "add", "asha@shop.example", "--operator")


def test_commands_are_in_the_audit_log_without_secrets(desk: Any, piped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "meera")
    org = desk.org()
    key = desk.json("key", "create", "--org", org, "--name", "web")
    new = desk.json("key", "rotate", key["key_id"])
    desk.json("key", "revoke", new["key_id"])
    for _ in range(2):
        desk.json("wallet", "credit", "--org", org, "--rupees", "5", "--reference", "first")
    hook = desk.json("webhook", "add", "--org", org, "--url", "https://shop.example/")
    desk.json("person", "add", "asha@shop.example", "--org", org, "--role", "owner")
    rows = desk.json("audit", "--org", org)["data"]
    assert [row["action"] for row in rows] == [
        "person.add",
        "webhook.add",
        "wallet.credit",
        "key.revoke",
        "key.rotate",
        "key.create",
        "organisation.create",
    ]
    assert {(row["actor_kind"], row["actor"]) for row in rows} == {("command", "meera")}
    for secret in (key["key"], new["key"], hook["secret"], GOOD, "argon2"):
        assert secret not in str(rows)
    assert [row["action"] for row in desk.json("audit", "--rows", "1", "--page", "2")["data"]] == ["webhook.add"]
    assert "--rows" in desk.refused("audit", "--rows", "0")
    _status, out, _err = desk.type("audit", "--rows", "1")
    assert out.rstrip().endswith("email=asha@shop.example role=owner operator=no")
