"""The receiver's own reading of the signature rules; the expected values are openssl's."""

import pytest

from b2bua.demo.receiver import signature_holds, signature_v2_holds

SECRET = "whsec_demo"
BODY = b'{"event":"call.completed"}'
#: printf '%s' BODY | openssl dgst -sha256 -hmac SECRET, and of 1700000000.BODY
MAC = "95ae9f51dbd7921263e08ece225dcbc53dd2dd57112a363a33c1c64db4e7ec9e"
MAC_V2 = "6e0a70df633efdeb5a6b496884efa57d8054bb573ce7d18d4a854bee60f5a590"
NOW_S = 1_700_000_010


def test_right_signature_holds() -> None:
    assert signature_holds(SECRET, BODY, f"sha256={MAC}")


@pytest.mark.parametrize("header", ["", MAC, f"sha256={MAC.upper()}", f"sha256={MAC[:-1]}", f"sha1={MAC}", "sha256=é"])
def test_wrong_signature_does_not(header: str) -> None:
    assert not signature_holds(SECRET, BODY, header)


def test_signature_of_other_bytes_or_secret_does_not() -> None:
    assert not signature_holds(SECRET, BODY + b" ", f"sha256={MAC}")
    assert not signature_holds("other", BODY, f"sha256={MAC}")


@pytest.mark.parametrize("header", [f"t=1700000000,v1={MAC_V2}", f"t=1700000000,v1={'0' * 64},v1={MAC_V2}"])
def test_right_v2_signature_holds_also_beside_another(header: str) -> None:
    assert signature_v2_holds(SECRET, BODY, header, NOW_S)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"v1={MAC_V2}",
        f"t=1700000001,v1={MAC_V2}",
        f"t=1700000000,v1={MAC}",
        f"t=1700000000,t=1700000000,v1={MAC_V2}",
        f"t=now,v1={MAC_V2}",
    ],
)
def test_wrong_v2_signature_does_not(header: str) -> None:
    assert not signature_v2_holds(SECRET, BODY, header, NOW_S)


def test_old_v2_signature_does_not() -> None:
    assert not signature_v2_holds(SECRET, BODY, f"t=1700000000,v1={MAC_V2}", NOW_S + 600)
