"""The kinds of value a key may have: how each is read, and what to say is expected."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from b2bua.addresses import canonical_host
from b2bua.config.dialled_pattern import DialledPattern, PatternUnusable

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WORLD_READABLE: Final = 0o004
PAIRS_OF_A_CALL: Final = 2
PAIRS_OF_A_TEST_CALL: Final = 4  # its simulated parties have theirs here too
HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_MAPPED_BITS: Final = 96  # of ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")  # as Python has octets of the environment that are no UTF-8


class Unfit(ValueError):
    """A value that its key does not take; the text says what is wrong with it, never a secret itself."""


class ListenAddress(NamedTuple):
    """Where to listen. `transport`: udp, tcp or tls; `host` an IP literal without brackets, in the one text that an
    address has here; port 0: any free one."""

    transport: str
    host: str
    port: int


class HostPort(NamedTuple):
    """A host (IP literal without brackets, or a name) and a port."""

    host: str
    port: int


class PortRange(NamedTuple):
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def pairs(self) -> int:
        """How many even ports there are whose next is in it too: RTP on the one, RTCP on the other (RFC 3550)."""
        return (self.last + 1) // 2 - (self.first + 1) // 2


@dataclass(frozen=True, slots=True)
class TrunkUri:
    """Where a peer is. `host` without brackets; `port` 5060 (5061 for TLS) unless given; `transport`: udp, tcp, tls.

    `port_given` and `transport_given` say whether the two stand in it: where they do not, DNS may know better
    (RFC 3263). `secure`: it is a sips URI, for TLS alone.
    """

    host: str
    port: int
    transport: str
    text: str
    port_given: bool = True
    transport_given: bool = True
    secure: bool = False


@dataclass(slots=True)
class Place:
    """What reading a value may need: the folder that relative paths start at, and where warnings go."""

    folder: Path
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How a key's value is read. `form` is the TOML form: text, whole, number, yes_no, list."""

    form: str
    expected: str
    read: Callable[[object, Place], T]
    secret: bool = False


def as_text(raw: object) -> str:
    """The value itself if it is a text without control characters."""
    if not isinstance(raw, str):
        raise Unfit(f"{shown(raw)} is not a text")
    if CONTROL.search(raw):
        raise Unfit("it has control characters")
    return raw


def shown(raw: object) -> str:
    """A value as it would be written in the file, cut when it is long."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    try:
        written = f'"{raw}"' if isinstance(raw, str) else repr(raw)
    except ValueError:  # Python writes none of more; one in hexadecimal gets past the reader of the file
        return "a number of thousands of digits"
    return written if len(written) <= 60 else written[:57] + "..."


def split_host_port(text: str, default_port: int | None = None) -> HostPort:
    """`host:port`, `[IPv6]:port`, and without the port where there is a default. Port 0..65535."""
    host, port_text = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Unfit(f"{shown(text)} has its brackets wrong")
        port_text = rest[1:] if rest else ""
        _ip_of_version(host, 6)
    elif text.count(":") > 1:
        raise Unfit(f"{shown(text)} needs brackets around its IPv6 address")
    else:
        host, _, port_text = text.partition(":")
    if not port_text and default_port is not None and not text.endswith(":"):
        return HostPort(checked_host(host), default_port)
    return HostPort(checked_host(host), checked_port(port_text))


def checked_port(text: str) -> int:
    """A port written in decimal, 0..65535."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise Unfit(f"{shown(text)} is not a port" if text else "the port is missing")
    return int(text)


def checked_host(text: str) -> str:
    """An IP literal (brackets taken off), in the one text that addresses are compared by, or a host name."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if is_ip(bare):
        return canonical_host(bare)
    # A name whose last label is all digits is a mistyped IPv4 address.
    if not HOST_NAME.fullmatch(bare) or bare.rpartition(".")[2].isdigit():
        raise Unfit(f"{shown(text)} is neither an address nor a host name")
    return bare


def is_ip(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 literal, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ip_of_version(text: str, version: int) -> None:
    if not is_ip(text) or ipaddress.ip_address(text).version != version:
        raise Unfit(f"{shown(text)} is not an IPv{version} address")


def text(expected: str = "a text", pattern: str = ".*", longest: int = 256) -> Kind[str]:
    """A text that the whole of `pattern` matches."""
    compiled = re.compile(pattern)

    def read(raw: object, place: Place) -> str:
        value = as_text(raw)
        if len(value) > longest:
            raise Unfit(f"it is {len(value)} characters long, {longest} are allowed")
        if not compiled.fullmatch(value):
            raise Unfit(f"{shown(value)} does not fit")
        return value

    return Kind("text", expected, read)


def choice(*words: str) -> Kind[str]:
    """One of a few words."""
    expected = "one of " + ", ".join(f'"{word}"' for word in words)

    def read(raw: object, place: Place) -> str:
        value = as_text(raw)
        if value not in words:
            raise Unfit(f"{shown(value)} is unknown")
        return value

    return Kind("text", expected, read)


def _read_yes_no(raw: object, place: Place) -> bool:
    if not isinstance(raw, bool):
        raise Unfit(f"{shown(raw)} is neither")
    return raw


YES_NO: Final = Kind("yes_no", "true or false", _read_yes_no)


def whole(lowest: int, highest: int, also: int | None = None, step: int = 1) -> Kind[int]:
    """A whole number of a range, in steps; `also` is one more that is allowed."""
    expected = f"a whole number of {lowest} to {highest}"
    expected += (f" in steps of {step}" if step > 1 else "") + (f", or {also}" if also is not None else "")

    def read(raw: object, place: Place) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise Unfit(f"{shown(raw)} is not a whole number")
        if raw != also and not lowest <= raw <= highest:
            raise Unfit(f"{shown(raw)} is out of range")
        if raw % step:
            raise Unfit(f"{raw} is between the steps")
        return raw

    return Kind("whole", expected, read)


def seconds(lowest: float, highest: float, also: float | None = None) -> Kind[float]:
    """A duration in seconds, with a fraction where one is wanted; `also` is one more that is allowed."""
    expected = f"seconds, {lowest:g} to {highest:g}" + (f", or {also:g}" if also is not None else "")

    def read(raw: object, place: Place) -> float:
        if not isinstance(raw, (int, float)) or isinstance(raw, bool):
            raise Unfit(f"{shown(raw)} is not a number")
        if raw != also and not lowest <= raw <= highest:
            raise Unfit(f"{shown(raw)} is out of range")
        return raw

    return Kind("number", expected, read)


def several(item: Kind[T], at_least: int = 0, distinct: bool = True) -> Kind[tuple[T, ...]]:
    """A list of values of one kind."""
    expected = "a list" + (f" of at least {at_least}" if at_least else "") + f", each {item.expected}"

    def read(raw: object, place: Place) -> tuple[T, ...]:
        if not isinstance(raw, list):
            raise Unfit(f"{'it' if item.secret else shown(raw)} is not a list")
        values: list[T] = []
        wrong: list[str] = []
        for each in raw:
            try:
                values.append(item.read(each, place))
            except Unfit as unfit:
                wrong.append(str(unfit))
        if wrong:
            raise Unfit(", ".join(wrong))
        if len(values) < at_least:
            raise Unfit("it is too short")
        if distinct and len(set(values)) < len(values):
            raise Unfit("something stands in it twice")
        return tuple(values)

    return Kind("list", expected, read, item.secret)


def _read_listen(raw: object, place: Place) -> ListenAddress:
    value = as_text(raw)
    transport, separator, rest = value.partition("://")
    if not separator or transport not in ("udp", "tcp", "tls"):
        raise Unfit(f"{shown(value)} does not begin with udp://, tcp:// or tls://")
    host, port = split_host_port(rest)
    if not is_ip(host):
        raise Unfit(f"{shown(host)} is not an IP address")
    return ListenAddress(transport, host, port)


LISTEN: Final = Kind("text", '"udp://address:port", also tcp:// and tls://, IPv6 in brackets', _read_listen)


def _read_host_port(raw: object, place: Place) -> HostPort:
    return split_host_port(as_text(raw))


HOST_PORT: Final = Kind("text", '"address:port", IPv6 in brackets', _read_host_port)


def _read_host(raw: object, place: Place) -> str:
    return checked_host(as_text(raw))


def _read_ip(raw: object, place: Place) -> str:
    value = _read_host(raw, place)
    if not is_ip(value):
        raise Unfit(f"{shown(value)} is not an IP address")
    return value


def _read_ipv6(raw: object, place: Place) -> str:
    value = _read_ip(raw, place)
    if ":" not in value:
        raise Unfit(f"{shown(value)} is an IPv4 address")
    return value


def _reached_at(read: Callable[[object, Place], str]) -> Callable[[object, Place], str]:
    """What others are told to send to: "any address" is none of this machine's, and in SDP it means hold."""

    def read_one(raw: object, place: Place) -> str:
        value = read(raw, place)
        if is_ip(value) and ipaddress.ip_address(value).is_unspecified:
            raise Unfit(f"nobody can send to {shown(value)}")
        return value

    return read_one


def or_empty(read: Callable[[object, Place], str]) -> Callable[[object, Place], str]:
    """A reader that takes "" as well."""
    return lambda raw, place: "" if raw == "" else read(raw, place)


IP: Final = Kind("text", "an IP address", _read_ip)
IPV6_OR_EMPTY: Final = Kind("text", 'an IPv6 address, or ""', or_empty(_read_ipv6))
HOST_OR_EMPTY: Final = Kind("text", 'an IP address or host name without a port, or ""', or_empty(_read_host))
OWN_IP_OR_EMPTY: Final = Kind("text", 'an IP address, or ""', or_empty(_reached_at(_read_ip)))
OWN_IPV6_OR_EMPTY: Final = Kind("text", 'an IPv6 address, or ""', or_empty(_reached_at(_read_ipv6)))
OWN_HOST_OR_EMPTY: Final = Kind("text", HOST_OR_EMPTY.expected, or_empty(_reached_at(_read_host)))


def _read_ports(raw: object, place: Place) -> PortRange:
    matched = re.fullmatch(r"([0-9]{1,5}) *- *([0-9]{1,5})", as_text(raw))
    if matched is None:
        raise Unfit(f"{shown(raw)} is not a range")
    first, last = int(matched[1]), int(matched[2])
    if first < 1024 or last > 65535:
        raise Unfit(f"{shown(raw)} leaves 1024-65535")
    if last - first < 3:
        raise Unfit(f"{shown(raw)} holds no call: each takes four ports")
    return PortRange(first, last)


def _read_call_ports(raw: object, place: Place) -> PortRange:
    ports = _read_ports(raw, place)
    if ports.pairs < PAIRS_OF_A_CALL:
        raise Unfit(f"{shown(raw)} {holds_no_call(PAIRS_OF_A_CALL)}")
    return ports


def holds_no_call(pairs: int) -> str:
    """What is wrong with a range of fewer pairs than a call takes."""
    return f"holds no call: each takes {pairs} even ports and the next of each"


PORTS: Final = Kind("text", '"first-last" such as "20000-29999"', _read_ports)
CALL_PORTS: Final = Kind("text", PORTS.expected, _read_call_ports)


def _read_network(raw: object, place: Place) -> Network:
    value = as_text(raw)
    if "%" in value:
        raise Unfit(f"{shown(value)} names a zone, which is not compared")
    try:
        return _unmapped(ipaddress.ip_network(value))
    except ValueError as error:
        raise Unfit(f"{shown(value)} is no network ({error})") from error


def _unmapped(network: Network) -> Network:
    """One of IPv4 addresses that are mapped into IPv6 as IPv4, as `canonical_host` has them."""
    first = network.network_address
    if isinstance(first, ipaddress.IPv4Address) or first.ipv4_mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((first.ipv4_mapped, network.prefixlen - _MAPPED_BITS))


NETWORK: Final[Kind[Network]] = Kind("text", "an IP address or a network such as 203.0.113.0/24", _read_network)


def parse_trunk_uri(value: str) -> TrunkUri:
    """`sip:host[:port][;transport=udp|tcp|tls]`, or `sips:` for TLS. No user, no other parameter."""
    scheme, _, rest = value.partition(":")
    if scheme.lower() not in ("sip", "sips"):
        raise Unfit(f"{shown(value)} does not begin with sip:")
    if "@" in rest:
        raise Unfit(f"{shown(value)} has a user part")
    where, *parameters = rest.split(";")
    secure = scheme.lower() == "sips"
    transport = "tls" if secure else "udp"
    if len(parameters) > 1:
        raise Unfit(f"{shown(value)} has more than one parameter")
    for parameter in parameters:
        name, _, transport = parameter.lower().partition("=")
        if name != "transport" or transport not in ("udp", "tcp", "tls"):
            raise Unfit(f"{shown(parameter)} is no parameter of it")
    if secure and transport == "udp":
        raise Unfit("there is no sips: over UDP")
    if secure:  # with it, tcp means TLS over TCP (RFC 3261 section 26.2.2)
        transport = "tls"
    default_port = 5061 if transport == "tls" else 5060
    host, port = split_host_port(where, default_port)
    if port == 0:
        raise Unfit("port 0 cannot be called")
    port_given = split_host_port(where, default_port=0).port != 0
    return TrunkUri(host, port, transport, value, port_given, bool(parameters), secure)


URI_EXPECTED: Final = '"sip:host:port", with ;transport=udp, tcp or tls where it is not UDP'
TRUNK_URI: Final = Kind("text", URI_EXPECTED, lambda raw, place: parse_trunk_uri(as_text(raw)))


def _read_proxy(raw: object, place: Place) -> TrunkUri | None:
    value = as_text(raw)
    if not value:
        return None
    return parse_trunk_uri(value if value.lower().startswith(("sip:", "sips:")) else f"sip:{value}")


PROXY: Final[Kind[TrunkUri | None]] = Kind("text", f'"host:port" or {URI_EXPECTED}, or ""', _read_proxy)


def _read_dialled_pattern(raw: object, place: Place) -> DialledPattern:
    value = as_text(raw)
    try:
        return DialledPattern(value)
    except PatternUnusable as error:
        raise Unfit(f"{shown(value)} does not compile ({error})") from error


DIALLED_PATTERN: Final = Kind(
    "text", "a regular expression, without look-around and backreferences", _read_dialled_pattern
)


def _read_ice_server(schemes: tuple[str, ...]) -> Callable[[object, Place], str]:
    def read(raw: object, place: Place) -> str:
        value = as_text(raw)
        scheme, _, rest = value.partition(":")
        where, _, query = rest.partition("?")
        if scheme not in schemes:
            raise Unfit(f"{shown(value)} does not begin with {' or '.join(f'{each}:' for each in schemes)}")
        if query and (not scheme.startswith("turn") or query not in ("transport=udp", "transport=tcp")):
            raise Unfit(f"{shown(query)} is no transport of it")
        if scheme == "turns" and query == "transport=udp":
            raise Unfit("there is no turns: over UDP")
        if split_host_port(where, default_port=5349 if scheme == "turns" else 3478).port == 0:
            raise Unfit("port 0 cannot be reached")
        return value

    return read


STUN_SERVER: Final = Kind("text", '"stun:host:port"', _read_ice_server(("stun",)))
TURN_SERVER: Final = Kind(
    "text",
    '"turn:host:port" or "turns:host:port", with ?transport=udp or tcp where wanted',
    _read_ice_server(("turn", "turns")),
)


def _read_folder(raw: object, place: Place) -> Path:
    value = as_text(raw)
    if not value:
        raise Unfit("it is empty")
    return Path(value)


def _read_file(raw: object, place: Place) -> Path | None:
    value = as_text(raw)
    if not value:
        return None
    path = place.folder / value
    try:
        found = path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise Unfit(f"the file {path} cannot be read ({error.strerror})") from error
    if not found:
        raise Unfit(f"there is no file {path}")
    return path


FOLDER: Final = Kind("text", "a folder, relative to the configuration's", _read_folder)
FILE: Final[Kind[Path | None]] = Kind("text", 'a file that exists, relative to the configuration, or ""', _read_file)


def _read_secret(raw: object, place: Place) -> str:
    if not isinstance(raw, str):
        raise Unfit("it is not a text")
    if _NO_TEXT.search(raw):
        raise Unfit("it is not UTF-8 text")
    if CONTROL.search(raw):
        raise Unfit("it has control characters")
    if not raw.startswith("file:"):
        return raw
    path = place.folder / raw.removeprefix("file:")
    try:
        kept = path.read_text(encoding="utf-8-sig").strip()  # without the byte order mark of some editors
        readable = path.stat().st_mode & WORLD_READABLE
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        hint = "; commands are for the user that the server runs as" if isinstance(error, PermissionError) else ""
        raise Unfit(f"the file {path} cannot be read ({reason}){hint}") from error
    if not kept:
        raise Unfit(f"the file {path} is empty")
    if CONTROL.search(kept):
        raise Unfit(f"the file {path} has more than one line")
    _warn_of_readers(path, readable, place)
    return kept


def _warn_of_readers(path: Path, readable: int, place: Place) -> None:
    if readable:
        place.warnings.append(f"the secret in {path} can be read by everybody on this machine: chmod 600 {path}")


def _read_key_file(raw: object, place: Place) -> Path | None:
    path = _read_file(raw, place)
    if path is not None:
        _warn_of_readers(path, path.stat().st_mode & WORLD_READABLE, place)
    return path


KEY_FILE: Final[Kind[Path | None]] = Kind("text", FILE.expected, _read_key_file)


SECRET: Final = Kind(
    "text", 'the secret itself or "file:path", relative to the configuration', _read_secret, secret=True
)
