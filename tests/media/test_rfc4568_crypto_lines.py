"""RFC 4568 section 9: a=crypto lines read strictly, and written."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import UnusableCrypto, UnusableSdp
from media.rtp.srtp import (
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    SUITES,
    Suite,
)
from media.sdp.crypto import CRYPTO_LINES_MAX, CryptoLine, accepted_line, parse_crypto, usable_lines

KEY_30 = base64.b64encode(bytes(range(30))).decode()
KEY_28 = base64.b64encode(bytes(range(28))).decode()
KEY_44 = base64.b64encode(bytes(range(44))).decode()
CM = f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}"

READ = [
    (CM, 1, AES_CM_128_HMAC_SHA1_80),
    (f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_30}", 2, AES_CM_128_HMAC_SHA1_32),
    (f"3 AEAD_AES_128_GCM inline:{KEY_28}", 3, AEAD_AES_128_GCM),
    (f"4 AEAD_AES_256_GCM inline:{KEY_44}", 4, AEAD_AES_256_GCM),
    (f"999999999 aes_cm_128_hmac_sha1_80 INLINE:{KEY_30}", 999_999_999, AES_CM_128_HMAC_SHA1_80),
    (f"01 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}", 1, AES_CM_128_HMAC_SHA1_80),
    (f"3 AEAD_AES_128_GCM inline:{KEY_28.rstrip('=')}", 3, AEAD_AES_128_GCM),
    (CM + "|2^31", 1, AES_CM_128_HMAC_SHA1_80),
    (CM + "|2^48", 1, AES_CM_128_HMAC_SHA1_80),
    (CM + "|1048576", 1, AES_CM_128_HMAC_SHA1_80),
    (CM + " WSH=64", 1, AES_CM_128_HMAC_SHA1_80),
    (CM + "|2^20 KDR=0 WSH=1024 -X_VENDOR=7", 1, AES_CM_128_HMAC_SHA1_80),
]

REFUSED = [
    ("", "lacks fields"),
    ("1 AES_CM_128_HMAC_SHA1_80", "lacks fields"),
    (CM.replace("1 AES", "x AES"), "tag"),
    (CM.replace("1 AES", "-1 AES"), "tag"),
    (CM.replace("1 AES", "1234567890 AES"), "tag"),
    (CM.replace("1 AES", "\N{ARABIC-INDIC DIGIT ONE} AES"), "tag"),
    (f"1 F8_128_HMAC_SHA1_80 inline:{KEY_30}", "suite"),
    (f"1 AES_CM_256_HMAC_SHA1_80 inline:{KEY_44}", "suite"),
    (f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY_30}", "not inline"),
    (f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}", "not inline"),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:", "30 bytes"),
    (CM[:-1], "30 bytes"),
    (CM[:-3], "not base64"),
    (CM[:-4], "30 bytes"),
    (CM + "AAAA", "30 bytes"),
    (CM[:-1] + "*", "not base64"),
    (CM + "*", "not base64"),
    (CM.replace("inline:", "inline:-_"), "not base64"),
    (CM[:-2] + "=A", "not base64"),
    (CM[:-1] + "\N{LATIN SMALL LETTER E WITH ACUTE}", "not base64"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_28}", "30 bytes"),
    (f"1 AEAD_AES_128_GCM inline:{KEY_30}", "28 bytes"),
    (f"1 AEAD_AES_256_GCM inline:{KEY_28}", "44 bytes"),
    (CM + "|1:1", "MKI"),
    (CM + "|2^31|1:4", "MKI"),
    (CM + f";inline:{KEY_30}|2^20|2:1", "several keys"),
    (CM + "|2^49", "lifetime"),
    (CM + "|2^", "lifetime"),
    (CM + "|0", "lifetime"),
    (CM + "|-1", "lifetime"),
    (CM + "|", "lifetime"),
    (CM + "|2^20|2^20", "lifetime"),
    (CM + "|281474976710657", "lifetime"),
    (CM + " UNENCRYPTED_SRTP", "session parameter"),
    (CM + " UNENCRYPTED_SRTCP", "session parameter"),
    (CM + " UNAUTHENTICATED_SRTP", "session parameter"),
    (CM + " unencrypted_srtp", "session parameter"),
    (CM + " KDR=1", "session parameter"),
    (CM + " FEC_ORDER=FEC_SRTP", "session parameter"),
    (CM + " X_VENDOR=7", "session parameter"),
    (CM + " WSH=63", "window"),
    (CM + " WSH=", "window"),
    (CM + " WSH=64 UNENCRYPTED_SRTP", "session parameter"),
]


@pytest.mark.parametrize(("value", "tag", "suite"), READ)
def test_usable_lines_are_read(value: str, tag: int, suite: Suite) -> None:
    assert parse_crypto(value, SUITES) == CryptoLine(tag, suite, bytes(range(suite.master_bytes)))


@pytest.mark.parametrize(("value", "reason"), REFUSED)
def test_other_lines_are_refused_for_a_reason_that_does_not_tell_the_key(value: str, reason: str) -> None:
    with pytest.raises(UnusableCrypto, match=reason) as refusal:
        parse_crypto(value, SUITES)
    assert KEY_30[:8] not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert isinstance(refusal.value, UnusableSdp)


def test_a_suite_that_the_library_lacks_is_refused() -> None:
    with pytest.raises(UnusableCrypto, match="suite"):
        parse_crypto(f"4 AEAD_AES_256_GCM inline:{KEY_44}", (AES_CM_128_HMAC_SHA1_80,))


def test_a_line_is_written() -> None:
    assert CryptoLine(1, AES_CM_128_HMAC_SHA1_80, bytes(range(30))).render() == CM
    assert CryptoLine(3, AEAD_AES_128_GCM, bytes(range(28))).render() == f"3 AEAD_AES_128_GCM inline:{KEY_28}"


def test_a_line_s_key_is_not_shown() -> None:
    shown = repr(CryptoLine(1, AES_CM_128_HMAC_SHA1_80, b"secret" * 5))
    assert "secret" not in shown
    assert "AES_CM_128_HMAC_SHA1_80" in shown


@given(st.sampled_from(SUITES), st.integers(0, 999_999_999), st.data())
def test_what_is_written_is_read(suite: Suite, tag: int, data: st.DataObject) -> None:
    master = data.draw(st.binary(min_size=suite.master_bytes, max_size=suite.master_bytes))
    line = CryptoLine(tag, suite, master)
    assert parse_crypto(line.render(), SUITES) == line


@given(st.text(max_size=120) | st.text(alphabet="1 AES_CM_128_HMAC_SHA1_80inline:|2^;=+/\0", max_size=120))
def test_any_text_is_read_or_refused(value: str) -> None:
    try:
        parse_crypto(value, SUITES)
    except UnusableCrypto:
        return


def attributes(*values: str | None) -> tuple[tuple[str, str | None], ...]:
    return (("ptime", "20"), *(("crypto", value) for value in values), ("sendrecv", None))


class TestLinesOfAnOffer:
    def test_the_usable_ones_keep_their_order(self) -> None:
        values = (
            f"7 AEAD_AES_256_GCM inline:{KEY_44}",
            "1 F8_128_HMAC_SHA1_80 inline:x",
            None,
            CM.replace("1", "2", 1),
        )
        assert [line.tag for line in usable_lines(attributes(*values), SUITES)] == [7, 2]

    def test_none_at_all_is_no_mistake(self) -> None:
        assert usable_lines(attributes(), SUITES) == ()

    def test_none_usable_tells_the_first_reason(self) -> None:
        with pytest.raises(UnusableCrypto, match="MKI"):
            usable_lines(attributes(CM + "|1:1", "2 X inline:x"), SUITES)

    def test_a_tag_that_stands_twice_counts_once(self) -> None:
        values = (CM + " UNENCRYPTED_SRTP", CM.replace("1", "01", 1), CM.replace("1", "2", 1))
        assert [line.tag for line in usable_lines(attributes(*values), SUITES)] == [2]

    def test_lines_beyond_the_limit_are_not_looked_at(self) -> None:
        values = ["x"] * CRYPTO_LINES_MAX + [CM]
        with pytest.raises(UnusableCrypto):
            usable_lines(attributes(*values), SUITES)


class TestLineOfAnAnswer:
    offered = tuple(CryptoLine(tag, suite, bytes(suite.master_bytes)) for tag, suite in enumerate(SUITES, 1))

    def test_tag_and_suite_find_the_line(self) -> None:
        ours, theirs = accepted_line(attributes(f"3 AEAD_AES_128_GCM inline:{KEY_28}|2^31"), self.offered)
        assert (ours.tag, ours.suite, ours.master) == (3, AEAD_AES_128_GCM, bytes(28))
        assert theirs.master == bytes(range(28))

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ((), "exactly one"),
            ((CM, f"3 AEAD_AES_128_GCM inline:{KEY_28}"), "exactly one"),
            ((CM.replace("1 ", "2 ", 1),), "tag and suite"),
            ((CM.replace("1 ", "9 ", 1),), "tag and suite"),
            ((f"1 AEAD_AES_128_GCM inline:{KEY_28}",), "tag and suite"),
            ((f"1 AES_CM_256_HMAC_SHA1_80 inline:{KEY_44}",), "suite"),
            ((CM + " UNENCRYPTED_SRTP",), "session parameter"),
            ((CM + "|2^31|1:1",), "MKI"),
        ],
    )
    def test_anything_else_is_refused(self, values: tuple[str, ...], reason: str) -> None:
        with pytest.raises(UnusableCrypto, match=reason):
            accepted_line(attributes(*values), self.offered)
