"""The kinds of a web address: one that ways are put behind, and an origin."""

import re
from typing import Final
from urllib.parse import urlsplit

from b2bua.config.kinds import HostPort, Kind, Place, Unfit, as_text, or_empty, shown, split_host_port

_NO_PORT: Final = -1
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 section 3.3


def _read_parts(raw: object) -> tuple[str, HostPort, str]:
    """Scheme, host and port (none: below 0), and what stands behind them, as it is written."""
    value = as_text(raw).rstrip("/")
    try:
        parts = urlsplit(value)
    except ValueError as error:  # brackets that are no pair, or not around an IPv6 address
        raise Unfit(f"{shown(value)} is no HTTP address ({error})") from error
    scheme, separator, rest = value.partition("://")
    if scheme.lower() not in _DEFAULT_PORTS or not separator or not parts.netloc:
        raise Unfit(f"{shown(value)} is no HTTP address")
    if "?" in value or "#" in value or "@" in parts.netloc:
        raise Unfit(f"{shown(value)} has more than a host and a path")
    where = split_host_port(parts.netloc, default_port=_NO_PORT)
    if where.port == 0:
        raise Unfit("port 0 cannot be reached")
    path = rest.removeprefix(parts.netloc)
    if not _PATH.fullmatch(path):
        raise Unfit(f"{shown(value)} has signs in its path that no address has")
    return scheme.lower(), where, path


def _read_http_url(raw: object, place: Place) -> str:
    scheme, where, path = _read_parts(raw)
    return f"{_written(scheme, where)}{path}"


def _read_origin(raw: object, place: Place) -> str:
    """As a browser writes it (RFC 6454 section 6.2): small letters, and no port that the scheme implies."""
    scheme, where, path = _read_parts(raw)
    if path:
        raise Unfit(f"{shown(raw)} has a path")
    implied = where.port == _DEFAULT_PORTS[scheme]
    return _written(scheme, HostPort(where.host.lower(), _NO_PORT if implied else where.port))


def _written(scheme: str, where: HostPort) -> str:
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{scheme}://{host}" + ("" if where.port == _NO_PORT else f":{where.port}")


HTTP_URL: Final = Kind("text", '"http://host:port" or "https://host", with a path where there is one', _read_http_url)
HTTP_URL_OR_EMPTY: Final = Kind("text", f'{HTTP_URL.expected}, or ""', or_empty(_read_http_url))
ORIGIN: Final = Kind("text", 'an origin such as "https://portal.example"', _read_origin)
