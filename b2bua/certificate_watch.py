"""Certificates that are renewed while the server runs: put to use, and told of where they are about to run out."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from b2bua.certificates import CertificateUnusable, expires_at_ms
from b2bua.clock import Clock
from b2bua.config import ApiSection, SipSection
from control_api.tls import server_context

LOG: Final = logging.getLogger(__name__)

EVERY_S: Final = 60.0
WARNED_BEFORE_MS: Final = 14 * 86_400_000
WARNED_EVERY_S: Final = 86_400.0

Stamp = tuple[tuple[int, int, int] | None, ...]
Renew = Callable[[int], Callable[[], None]]
"""Reads the files anew for a time (Unix ms), away from the event loop: what puts them to use, to be called on it.
CertificateUnusable."""


@dataclass(slots=True)
class _Watched:
    key: str
    certificate: Path | None
    files: tuple[Path, ...]
    renew: Renew
    stamp: Stamp
    expires_at_ms: int | None
    refused: str = ""
    warned_at: float | None = None


class CertificateWatch:
    """Looks at the files once a minute. What cannot be used is told once, and the certificate that is in use stays."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def watch(
        self, name: str, key: str, files: Sequence[Path], renew: Renew, *, certificate: Path | None = None
    ) -> None:
        """From now on, under `name` in /metrics and the configuration's `key` in the log. `certificate`: the one of the
        files that is ours, of which it is told when it runs out. CertificateUnusable."""
        expires = None if certificate is None else expires_at_ms(certificate)
        self._watched[name] = _Watched(key, certificate, tuple(files), renew, _stamp(files), expires)

    def watch_sip(self, sip: SipSection, renew: Renew) -> None:
        """All files of SIP over TLS: those that are trusted count without a certificate of ours too, where we only
        connect to others. CertificateUnusable."""
        files = [file for file in (sip.tls_certificate, sip.tls_key, sip.tls_ca) if file is not None]
        key = "sip.tls_ca" if sip.tls_certificate is None else "sip.tls_certificate"
        if files:
            self.watch("sip", key, files, renew, certificate=sip.tls_certificate)

    def watch_api(self, api: ApiSection, use: Callable[[ssl.SSLContext], None]) -> None:
        """That of the API, where there is one; `use` takes the context of the new one. CertificateUnusable."""
        certificate, key = api.tls_certificate, api.tls_key
        if certificate is None or key is None:
            return

        def renew(now_ms: int) -> Callable[[], None]:
            return partial(use, server_context(certificate, key, now_ms))

        self.watch("api", "api.tls_certificate", (certificate, key), renew, certificate=certificate)

    async def run(self) -> None:
        """Minute after minute, until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Look once."""
        for watched in self._watched.values():
            stamp = await asyncio.to_thread(_stamp, watched.files)
            if stamp != watched.stamp:
                await self._renew(watched, stamp)
            self._warn(watched)

    def figures(self) -> Mapping[str, float]:
        """When each runs out, as /metrics names it."""
        return {
            f"{name}_certificate_expires_at_seconds": watched.expires_at_ms / 1000
            for name, watched in self._watched.items()
            if watched.expires_at_ms is not None
        }

    async def _renew(self, watched: _Watched, stamp: Stamp) -> None:
        try:
            use = await asyncio.to_thread(watched.renew, self._clock.wall_ms())
            certificate = watched.certificate
            expires = None if certificate is None else await asyncio.to_thread(expires_at_ms, certificate)
        except CertificateUnusable as error:
            # Its key may be written after it: it is tried again each minute.
            if str(error) != watched.refused:
                LOG.error("%s: the new one is not used: %s", watched.key, error)
            watched.refused = str(error)
            return
        use()
        watched.stamp, watched.expires_at_ms, watched.refused, watched.warned_at = stamp, expires, "", None
        LOG.info("%s: the new one is used from now on", watched.key)

    def _warn(self, watched: _Watched) -> None:
        if watched.expires_at_ms is None:
            return
        left_ms, now = watched.expires_at_ms - self._clock.wall_ms(), self._clock.monotonic()
        if left_ms > WARNED_BEFORE_MS or (watched.warned_at is not None and now - watched.warned_at < WARNED_EVERY_S):
            return
        watched.warned_at = now
        if left_ms > 0:
            LOG.warning("%s: %s runs out in %.1f days", watched.key, watched.certificate, left_ms / 86_400_000)
        else:
            LOG.error("%s: %s has run out", watched.key, watched.certificate)


def _stamp(files: Sequence[Path]) -> Stamp:
    return tuple(_stamp_of(file) for file in files)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
