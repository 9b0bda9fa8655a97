"""What the pages say of the wire, of commands and of the configuration, compared with what the product does."""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from b2bua.commands.line import build_parser
from b2bua.config.sections import SECTIONS, kinds_of
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.settings import RELIABLE_PROVISIONALS, UserAgentSettings
from control_api.openapi import build_openapi
from media.rtp.srtp import OFFERED
from media.sdp.session import parse_description
from tests.support.configurations import config_of, default_of

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = ROOT / "docs" / "pages"
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
        ("sip", "dscp", "signalling {0} (CS5)"),
        ("media", "dscp", "RTP and RTCP {0} (EF)"),
        ("trunks", "ptime_ms", "{0} ms. On request"),
    ):
        assert text.format(default_of(section, key)) in SHEET, key


def test_the_configurations_that_are_shown_can_be_pasted() -> None:
    for page in (README, PAGES / "going-live.md"):
        text = "\n".join(re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
        assert "[[trunks]]" in text
        assert config_of(text).warnings == (), page.name


def test_every_command_that_is_told_of_can_be_typed() -> None:
    told = {line for page in (README, *sorted(PAGES.glob("*.md"))) for line in _commands_in(page.read_text("utf-8"))}
    assert len(told) > 40
    wrong = [line for line in sorted(told) if not _can_be_typed(line.split())]
    assert wrong == []


def test_every_endpoint_that_is_told_of_is_there() -> None:
    served = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, operations in build_openapi("http://127.0.0.1", "1")["paths"].items()
        for method in operations
    }
    told = {
        (page.name, method, re.sub(r"{\w+}|\bNAME\b|\bCALL\b", "{}", path))
        for page in (README, *sorted(PAGES.glob("*.md")))
        for method, path in re.findall(
            r"\b(GET|POST|PUT|PATCH|DELETE) (/(?!v1/Acc)[a-z][\w/{}.-]*)", page.read_text("utf-8")
        )
    }
    assert len(told) > 30
    assert sorted((name, method, path) for name, method, path in told if (method, path) not in served) == []


def test_every_key_of_the_configuration_that_is_told_of_is_there() -> None:
    keys = {name: set(kinds_of(made)) for name, made in SECTIONS.items()}
    told = {
        (page.name, section, key)
        for page in (README, *sorted(PAGES.glob("*.md")))
        for section, key in re.findall(r"`([a-z_]+)\.([a-z_]+)`", page.read_text("utf-8"))
        if section in keys and f"{section}.{key}" not in ("api.py", "api.mjs")
    }
    assert len(told) > 30
    assert sorted((page, section, key) for page, section, key in told if key not in keys[section]) == []


def _commands_in(text: str) -> Iterator[str]:
    """What is typed after `maskbridge`, in code spans and blocks, without comments, pipes and redirections."""
    blocks = re.findall(r"```(?:sh|)\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`(maskbridge [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*spans, *(line for block in blocks for line in block.splitlines())):
        if line.startswith("maskbridge "):
            yield re.split(r"[#|>&]", line.partition(" ")[2].replace("\n", " "))[0].strip()


def _can_be_typed(words: Sequence[str]) -> bool:
    """Whether there is such a command, or group of them, with such options."""
    parser: argparse.ArgumentParser = build_parser()
    for word in words:
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if word.startswith("-"):
            if word not in parser._option_string_actions:
                return False
        elif groups:
            if word not in groups[0].choices:
                return False
            parser = groups[0].choices[word]
    return True
