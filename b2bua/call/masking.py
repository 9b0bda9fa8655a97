"""Who is called: the parties as a client names them, one form for each, and what of a number may be shown."""

import re
from dataclasses import dataclass
from typing import Final

import phonenumbers

from b2bua.addresses import canonical_host

COUNTRY_CODE: Final = "91"
DEFAULT_SIP_PORT: Final = 5060
LONGEST_PARTY: Final = 320

WRITTEN: Final = re.compile(r"\+?[0-9]+(?:[ -]+[0-9]+)*")  # spaces and hyphens only between digits
PREFIXED: Final = re.compile(r"(?:\+91|91|0|)([6-9][0-9]{9})")
SIP_PARTY: Final = re.compile(
    r"(?i:sip):(?P<user>[A-Za-z0-9+_.-]{1,64})@"
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
AGENT_PARTY: Final = re.compile(r"agent:([a-z0-9][a-z0-9._-]{0,63})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Party:
    """Someone to be called. `text` is the one form of it; `user` is what is dialled: ten digits, or a SIP user part.

    `host` (without brackets) and `port` belong to a `sip:` party: both must be those of a trunk's `uri`. `agent`: an
    agent of the organisation, whose name `user` is.
    """

    text: str
    user: str
    host: str | None = None
    port: int | None = None
    agent: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is dialled as a telephone number."""
        return self.host is None and not self.agent


def normalise_mobile(text: str) -> str | None:
    """The ten digits of an Indian mobile number given as XXXXXXXXXX, +91XXXXXXXXXX, 91XXXXXXXXXX or 0XXXXXXXXXX, with
    inner spaces or hyphens; None when it is no such number."""
    if len(text) > LONGEST_PARTY or not WRITTEN.fullmatch(text):
        return None
    matched = PREFIXED.fullmatch(text.replace(" ", "").replace("-", ""))
    if matched is None:
        return None
    number = phonenumbers.parse(f"+{COUNTRY_CODE}{matched[1]}")
    return str(number.national_number) if phonenumbers.is_possible_number(number) else None


def parse_sip_party(text: str) -> Party | None:
    """A party given as `sip:user@host[:port]` and nothing more: no password, parameter or header; None otherwise."""
    matched = SIP_PARTY.fullmatch(text) if len(text) <= LONGEST_PARTY else None
    if matched is None:
        return None
    port = None if matched["port"] is None else int(matched["port"])
    if port is not None and not 0 < port <= 65535:
        return None
    host = canonical_host((matched["ipv6"] or matched["host"]).lower())
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port is None else f":{port}"
    return Party(f"sip:{matched['user']}@{shown_host}{shown_port}", matched["user"], host, port)


def parse_agent(text: str) -> Party | None:
    """A party given as `agent:NAME`; None otherwise. Whether the organisation has this agent is not asked."""
    matched = AGENT_PARTY.fullmatch(text)
    return None if matched is None else Party(text, matched[1], agent=True)


def parse_party(text: str, *, sip_allowed: bool, agents_allowed: bool = False) -> Party | None:
    """A party as a client gives it; None when it is neither a valid mobile number nor, where allowed, a `sip:` URI or
    an agent."""
    mobile = normalise_mobile(text)
    if mobile is not None:
        return Party(mobile, mobile)
    agent = parse_agent(text) if agents_allowed else None
    if agent is not None:
        return agent
    return parse_sip_party(text) if sip_allowed else None


def same_party(one: Party, other: Party) -> bool:
    """Whether two parties are the same: an absent port is 5060, a host's letter case means nothing, a user's does."""
    return _identity(one) == _identity(other)


def _identity(party: Party) -> tuple[str, str | None, int | None]:
    return (
        party.text if party.agent else party.user,
        party.host,
        None if party.host is None else party.port or DEFAULT_SIP_PORT,
    )


def format_number(number: str, template: str) -> str:
    """A number of ten digits, or twelve with 91, in a format of a trunk: `{e164}`, `{plain}` or `{national}`."""
    national = number.removeprefix(COUNTRY_CODE) if len(number) == 12 else number
    plain = COUNTRY_CODE + national
    return template.replace("{e164}", f"+{plain}").replace("{plain}", plain).replace("{national}", national)


def redact(party: str) -> str:
    """A number or `sip:` party as logs may show it: `98******10`. Of a `sip:` party neither its host is told."""
    if party.startswith("agent:"):
        return "agent:" + redact(party.removeprefix("agent:"))
    if party.startswith("sip:"):
        return "sip:" + redact(party.removeprefix("sip:").partition("@")[0])
    if len(party) < 7:
        return "*" * len(party)
    return party[:2] + "*" * (len(party) - 4) + party[-2:]
