"""The configuration as the rest of the program sees it: every key, its kind and its default, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Final, cast

from b2bua.config.dialled_pattern import DialledPattern
from b2bua.config.kinds import (
    CALL_PORTS,
    DIALLED_PATTERN,
    FILE,
    FOLDER,
    HOST_OR_EMPTY,
    HOST_PORT,
    IP,
    IPV6_OR_EMPTY,
    KEY_FILE,
    LISTEN,
    NETWORK,
    OWN_HOST_OR_EMPTY,
    OWN_IP_OR_EMPTY,
    OWN_IPV6_OR_EMPTY,
    PORTS,
    PROXY,
    SECRET,
    STUN_SERVER,
    TRUNK_URI,
    TURN_SERVER,
    YES_NO,
    HostPort,
    Kind,
    ListenAddress,
    Network,
    PortRange,
    TrunkUri,
    choice,
    seconds,
    several,
    text,
    whole,
)
from b2bua.config.route_target import ROUTE_TARGET
from b2bua.config.web_address import HTTP_URL, HTTP_URL_OR_EMPTY, ORIGIN

NAME: Final = text("1 to 64 letters, digits, dots, hyphens or underscores", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TRUNK_NAME_OR_EMPTY: Final = text("the name of a trunk", r"|[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NUMBER: Final = text('12 digits "91...", not those of test calls', r"91(?!0{10})[0-9]{10}")
NUMBER_FORMAT_PATTERN: Final = r"[+0-9*#]*\{(?:e164|plain|national)\}"
NUMBER_FORMAT: Final = text(
    '"{e164}", "{plain}" or "{national}", with digits before it where wanted', NUMBER_FORMAT_PATTERN
)
FORMAT_OR_EMPTY: Final = text('a format as number_format has, or "" for that one', rf"|{NUMBER_FORMAT_PATTERN}")
PRIVACY: Final = text(
    'values of Privacy (RFC 3323, 3325) such as "id" or "header;id", or ""',
    r"|none|(?:header|session|user|id|critical|history)(?:;(?:header|session|user|id|critical|history))*",
)
PROMPT: Final = text('"bundled:NAME", the path of a WAV file, or ""', longest=4096)
USER_AGENT: Final = text("1 to 64 printable ASCII characters", r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?")


IDENTITY_HEADER: Final = choice(
    "p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "history-info"
)
DIGEST_ALGORITHMS: Final = ("SHA-512-256", "SHA-256", "MD5")
DEFAULT_LISTEN: Final = (ListenAddress("udp", "127.0.0.1", 5060),)
DEFAULT_TEST_PORTS: Final = PortRange(19000, 19199)
DEFAULT_PORTS: Final = PortRange(20000, 29999)
DEFAULT_BROWSER_PORTS: Final = PortRange(30000, 30999)
DEFAULT_API_LISTEN: Final = HostPort("127.0.0.1", 8080)


def kinds_of(section: type[Any]) -> dict[str, Kind[Any]]:
    """The kind of each key of a section: what its annotation says beside the type."""
    return {each.name: cast(Any, each.type).__metadata__[0] for each in fields(section)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSection:
    """[sip]"""

    listen: Annotated[tuple[ListenAddress, ...], several(LISTEN, 1)] = DEFAULT_LISTEN
    advertise: Annotated[str, OWN_HOST_OR_EMPTY] = ""
    user_agent: Annotated[str, USER_AGENT] = "maskbridge"
    dscp: Annotated[int, whole(0, 63)] = 40
    tls_certificate: Annotated[Path | None, FILE] = None
    tls_key: Annotated[Path | None, KEY_FILE] = None
    tls_ca: Annotated[Path | None, FILE] = None
    tls_require_client_certificate: Annotated[bool, YES_NO] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSection:
    """[media]"""

    address: Annotated[str, IP] = "127.0.0.1"
    advertise: Annotated[str, OWN_IP_OR_EMPTY] = ""
    address_ipv6: Annotated[str, IPV6_OR_EMPTY] = ""
    advertise_ipv6: Annotated[str, OWN_IPV6_OR_EMPTY] = ""
    ports: Annotated[PortRange, CALL_PORTS] = DEFAULT_PORTS
    port_rest_s: Annotated[float, seconds(0, 3600)] = 30
    rtp_timeout_early_s: Annotated[float, seconds(0.5, 3600)] = 30
    rtp_timeout_s: Annotated[float, seconds(0.5, 3600)] = 45
    rtp_timeout_hold_s: Annotated[float, seconds(0.5, 86400)] = 300
    packet_path: Annotated[str, choice("auto", "native", "python")] = "auto"
    dscp: Annotated[int, whole(0, 63)] = 46


@dataclass(frozen=True, slots=True, kw_only=True)
class WebrtcSection:
    """[webrtc]. Each browser takes a port of `ports` on each address, and another while ICE is restarted. `turn_secret`
    is shared with the TURN servers; credentials made of it last `turn_credential_s`. `codecs`: of agents' browsers,
    best first."""

    enabled: Annotated[bool, YES_NO] = False
    address: Annotated[str, IP] = "127.0.0.1"
    advertise: Annotated[str, OWN_IP_OR_EMPTY] = ""
    address_ipv6: Annotated[str, IPV6_OR_EMPTY] = ""
    advertise_ipv6: Annotated[str, OWN_IPV6_OR_EMPTY] = ""
    ports: Annotated[PortRange, PORTS] = DEFAULT_BROWSER_PORTS
    stun: Annotated[tuple[str, ...], several(STUN_SERVER)] = ()
    turn: Annotated[tuple[str, ...], several(TURN_SERVER)] = ()
    turn_secret: Annotated[str, SECRET] = field(default="", repr=False)
    turn_credential_s: Annotated[int, whole(60, 86_400)] = 3600
    max_browsers: Annotated[int, whole(1, 10_000)] = 200
    connect_timeout_s: Annotated[float, seconds(1, 60)] = 15
    codecs: Annotated[tuple[str, ...], several(choice("PCMA", "PCMU", "opus"), 1)] = ("PCMA", "PCMU", "opus")
    free_agent_legs: Annotated[bool, YES_NO] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSection:
    """[api]"""

    listen: Annotated[HostPort, HOST_PORT] = DEFAULT_API_LISTEN
    public_url: Annotated[str, HTTP_URL] = "http://127.0.0.1:8080"
    rate_limit_per_minute: Annotated[int, whole(1, 1_000_000)] = 100
    streams_per_key: Annotated[int, whole(0, 1_000)] = 10
    session_idle_s: Annotated[float, seconds(60, 2_592_000)] = 3600
    session_life_s: Annotated[float, seconds(60, 2_592_000)] = 43200
    max_body_bytes: Annotated[int, whole(256, 16_777_216)] = 65536
    cors_origins: Annotated[tuple[str, ...], several(ORIGIN)] = ()
    tls_certificate: Annotated[Path | None, FILE] = None
    tls_key: Annotated[Path | None, KEY_FILE] = None
    trusted_proxies: Annotated[tuple[Network, ...], several(NETWORK)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSection:
    """[storage]. In a `Config` all paths are absolute."""

    url: Annotated[str, text('"sqlite:///path"', r"sqlite:///[^?#]+", 4096)] = "sqlite:///var/maskbridge.db"
    recordings: Annotated[Path, FOLDER] = Path("var/recordings")
    prompts: Annotated[Path, FOLDER] = Path("var/prompts")
    encrypt: Annotated[bool, YES_NO] = False
    retention_days: Annotated[int, whole(0, 36_500)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsSection:
    """[calls]"""

    ring_timeout_s: Annotated[int, whole(5, 120)] = 45
    drain_timeout_s: Annotated[float, seconds(0, 86400)] = 300
    max_concurrent: Annotated[int, whole(1, 100_000)] = 1000
    callback_window_s: Annotated[float, seconds(0, 31_536_000)] = 86400
    sip_parties: Annotated[bool, YES_NO] = False
    log_number_style: Annotated[str, choice("documented", "parties")] = "documented"
    record: Annotated[bool, YES_NO] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalSection:
    """[test_calls]. `ports` are on loopback; a call takes four pairs of them."""

    enabled: Annotated[bool, YES_NO] = True
    max_concurrent: Annotated[int, whole(1, 100)] = 10
    ports: Annotated[PortRange, PORTS] = DEFAULT_TEST_PORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksSection:
    """[webhooks]"""

    allow_private_targets: Annotated[bool, YES_NO] = False
    timeout_s: Annotated[float, seconds(0.1, 60)] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSection:
    """[secrets]. "": not set. Former master keys still open what was sealed with them."""

    url_signing_key: Annotated[str, SECRET] = field(default="", repr=False)
    master_key: Annotated[str, SECRET] = field(default="", repr=False)
    former_master_keys: Annotated[tuple[str, ...], several(SECRET)] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSection:
    """[mail]. Without a `host` no mail is sent. `sender` is whom it is from."""

    host: Annotated[str, HOST_OR_EMPTY] = ""
    port: Annotated[int, whole(1, 65_535)] = 587
    tls: Annotated[str, choice("starttls", "tls", "none")] = "starttls"
    user: Annotated[str, text("a user name", r"[^\x00-\x1f]*", 200)] = ""
    password: Annotated[str, SECRET] = field(default="", repr=False)
    sender: Annotated[str, text("a mail address", r"([^\s@\"<>(),:;\[\]\\]{1,64}@[A-Za-z0-9.-]{1,189})?", 254)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingSection:
    """[billing]. Who supplies, as tax invoices say; top-ups need it whole."""

    supplier: Annotated[str, text("a name", r"[^\x00-\x1f]*", 200)] = ""
    address: Annotated[str, text("an address", r"[^\x00-\x1f]*", 400)] = ""
    state: Annotated[str, text("the name or the GST number of a state", r"[^\x00-\x1f]*", 60)] = ""
    gstin: Annotated[str, text("a GSTIN", r"[0-9A-Za-z ]*", 20)] = ""
    invoice_series: Annotated[str, text("one to three capitals and digits", r"[A-Z0-9]{1,3}", 3)] = "INV"
    credit_note_series: Annotated[str, text("one to three capitals and digits", r"[A-Z0-9]{1,3}", 3)] = "CN"
    sac: Annotated[str, text("a services accounting code", r"[0-9]{4,8}", 8)] = "998419"
    description: Annotated[str, text("what is sold", r"[^\x00-\x1f]+", 200)] = "Prepaid calling credit"
    razorpay_key_id: Annotated[str, text("a key id", r"[0-9A-Za-z_]*", 64)] = ""
    razorpay_key_secret: Annotated[str, SECRET] = field(default="", repr=False)
    razorpay_webhook_secret: Annotated[str, SECRET] = field(default="", repr=False)
    razorpay_url: Annotated[str, HTTP_URL_OR_EMPTY] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptsSection:
    """[prompts]. "": the product's own tone; "bundled:NAME", or the path of a WAV file."""

    wait: Annotated[str, PROMPT] = ""
    whisper_a: Annotated[str, PROMPT] = ""
    whisper_b: Annotated[str, PROMPT] = ""
    consent: Annotated[str, choice("none", "both", "a", "b")] = "none"
    consent_notice: Annotated[str, PROMPT] = "bundled:recording_consent"
    balance_warning: Annotated[str, PROMPT] = ""
    unknown_caller: Annotated[str, PROMPT] = "bundled:unknown_caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSection:
    """[trace]. `keep_days` 0: what happens in calls is not kept. `unbilled`: also of calls that are nobody's."""

    keep_days: Annotated[int, whole(0, 3650)] = 7
    unbilled: Annotated[bool, YES_NO] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSection:
    """[log]"""

    format: Annotated[str, choice("human", "json")] = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """[[trunks]]: a SIP peer with its profile. A number format of "" is `number_format`."""

    name: Annotated[str, NAME]
    uri: Annotated[TrunkUri, TRUNK_URI]
    numbers: Annotated[tuple[str, ...], several(NUMBER)] = ()
    addresses: Annotated[tuple[Network, ...], several(NETWORK)] = ()
    domain: Annotated[str, HOST_OR_EMPTY] = ""
    from_domain: Annotated[str, HOST_OR_EMPTY] = ""
    outbound_proxy: Annotated[TrunkUri | None, PROXY] = None
    outbound_proxy_route: Annotated[bool, YES_NO] = False
    tls_verify: Annotated[bool, YES_NO] = True
    tls_server_name: Annotated[str, HOST_OR_EMPTY] = ""
    auth_username: Annotated[str, text("a user name", longest=128)] = ""
    auth_password: Annotated[str, SECRET] = field(default="", repr=False)
    register: Annotated[bool, YES_NO] = False
    challenge_username: Annotated[str, text("a user name", longest=128)] = ""
    challenge_password: Annotated[str, SECRET] = field(default="", repr=False)
    challenge_algorithms: Annotated[tuple[str, ...], several(choice(*DIGEST_ALGORITHMS), 1)] = DIGEST_ALGORITHMS
    number_format: Annotated[str, NUMBER_FORMAT] = "{e164}"
    request_uri_format: Annotated[str, FORMAT_OR_EMPTY] = ""
    from_format: Annotated[str, FORMAT_OR_EMPTY] = ""
    to_format: Annotated[str, FORMAT_OR_EMPTY] = ""
    identity_format: Annotated[str, FORMAT_OR_EMPTY] = ""
    user_phone: Annotated[bool, YES_NO] = False
    uri_scheme: Annotated[str, choice("sip", "tel")] = "sip"
    identity: Annotated[tuple[str, ...], several(IDENTITY_HEADER)] = ("p-asserted-identity",)
    privacy: Annotated[str, PRIVACY] = ""
    reliable_provisional: Annotated[str, choice("off", "supported", "required")] = "supported"
    session_timer_s: Annotated[int, whole(90, 86400, also=0)] = 0
    session_timer_min_s: Annotated[int, whole(90, 86400)] = 90
    session_refresher: Annotated[str, choice("auto", "us", "peer")] = "auto"
    session_refresh_method: Annotated[str, choice("auto", "update", "invite")] = "auto"
    codecs: Annotated[tuple[str, ...], several(choice("PCMA", "PCMU", "G722", "opus"), 1)] = ("PCMA", "PCMU")
    ptime_ms: Annotated[int, whole(10, 60, step=10)] = 20
    dtmf_payload_type: Annotated[int, whole(96, 127)] = 101
    dtmf_in_audio: Annotated[bool, YES_NO] = False
    early_media: Annotated[str, choice("relay", "ignore")] = "relay"
    srtp: Annotated[str, choice("off", "optional", "required")] = "off"
    nat: Annotated[bool, YES_NO] = False
    media_addresses: Annotated[tuple[Network, ...], several(NETWORK)] = ()
    redirects: Annotated[str, choice("refuse", "follow")] = "refuse"
    options_interval_s: Annotated[float, seconds(1, 86400, also=0)] = 30
    invite_timeout_s: Annotated[float, seconds(0.1, 32)] = 4
    cps: Annotated[int, whole(0, 100_000)] = 0
    max_calls: Annotated[int, whole(0, 100_000)] = 0
    priority: Annotated[int, whole(0, 1_000_000)] = 0
    weight: Annotated[int, whole(1, 1_000_000)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """[[routes]]: what happens to a call that arrives. `trunk` "": from any; `match` is for the whole user part."""

    match: Annotated[DialledPattern, DIALLED_PATTERN]
    to: Annotated[str, ROUTE_TARGET]
    via: Annotated[str, NAME]
    trunk: Annotated[str, TRUNK_NAME_OR_EMPTY] = ""
    caller: Annotated[str, choice("masked", "pass")] = "masked"
    org: Annotated[str, text("an organisation's id", longest=64)] = ""
    record: Annotated[bool, YES_NO] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration, checked. `folder` is the file's own; `warnings` are for a human and stop nothing."""

    path: Path
    folder: Path
    sip: SipSection
    media: MediaSection
    api: ApiSection
    storage: StorageSection
    calls: CallsSection
    webhooks: WebhooksSection
    secrets: SecretsSection
    billing: BillingSection = BillingSection()
    mail: MailSection = MailSection()
    prompts: PromptsSection = PromptsSection()
    trace: TraceSection = TraceSection()
    log: LogSection = LogSection()
    webrtc: WebrtcSection = WebrtcSection()
    test_calls: RehearsalSection = RehearsalSection()
    trunks: tuple[Trunk, ...] = ()
    routes: tuple[Route, ...] = ()
    warnings: tuple[str, ...] = ()


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "sip": SipSection,
    "media": MediaSection,
    "api": ApiSection,
    "storage": StorageSection,
    "calls": CallsSection,
    "webhooks": WebhooksSection,
    "secrets": SecretsSection,
    "billing": BillingSection,
    "mail": MailSection,
    "prompts": PromptsSection,
    "trace": TraceSection,
    "log": LogSection,
    "webrtc": WebrtcSection,
    "test_calls": RehearsalSection,
}
LISTS: Final[Mapping[str, type[Any]]] = {"trunks": Trunk, "routes": Route}
