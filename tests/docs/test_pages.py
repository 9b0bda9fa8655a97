"""What the pages say of the wire, compared with what the product does."""

import re
from pathlib import Path

from b2bua.config.release import default_of
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.settings import RELIABLE_PROVISIONALS, UserAgentSettings
from media.rtp.srtp import OFFERED
from media.sdp.session import parse_description

PAGES = Path(__file__).resolve().parents[2] / "docs" / "pages"
SHEET = (PAGES / "trunks.md").read_text("utf-8").partition("## A sheet")[2].partition("## Transports")[0]


def test_the_invite_of_the_carriers_sheet_is_one_of_ours() -> None:
    (example,) = re.findall(r"```text\n(INVITE .*?)```", SHEET, re.DOTALL)
    invite = parse_message(example.replace("\n", "\r\n").encode())
    assert isinstance(invite, Request)
    written = example.partition("\n\n")[2].replace("\n", "\r\n")
    assert invite.headers.get("Content-Length") == str(len(written))
    settings = UserAgentSettings(locals=())
    assert invite.allow == settings.allow
    assert invite.supported == (*settings.supported, RELIABLE_PROVISIONALS)
    assert invite.headers.get("User-Agent") == settings.user_agent
    (audio,) = parse_description(invite.body).media
    offered = [(value or "").split()[1].partition("/")[0] for name, value in audio.attributes if name == "rtpmap"]
    assert offered == [*default_of("trunks", "codecs"), "telephone-event"]
    assert audio.formats[-1] == str(default_of("trunks", "dtmf_payload_type"))


def test_the_carriers_sheet_has_the_defaults() -> None:
    assert ", ".join(suite.name for suite in OFFERED) in SHEET
    for section, key, text in (
        ("media", "ports", "from {0.first} to {0.last}"),
        ("media", "rtp_timeout_s", "for {0:g} s is hung up"),
        ("trunks", "options_interval_s", "sent every {0:g} s"),
        ("trunks", "ptime_ms", "{0} ms. On request"),
    ):
        assert text.format(default_of(section, key)) in SHEET, key
