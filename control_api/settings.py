"""What the API is told by the configuration."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """`[api]` of the configuration and what of other sections the API needs.

    `url_signing_key` signs recording URLs; `recordings` is the folder they lie in; `log_number_style` is documented or
    parties.
    A session ends after `session_idle_s` without a request, and `session_life_s` after the log-in.
    """

    public_url: str
    url_signing_key: bytes
    recordings: Path
    rate_limit_per_minute: int = 100
    streams_per_key: int = 10
    max_body_bytes: int = 65_536
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    log_number_style: str = "documented"
    version: str = "0.1.0"
    session_idle_s: float = 3_600
    session_life_s: float = 43_200
    tls: bool = False

    @property
    def https(self) -> bool:
        """Whether browsers reach the API over HTTPS: its own (`tls`), or that of a proxy."""
        return self.tls or self.public_url.startswith("https:")
