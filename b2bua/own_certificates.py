"""Whether a server would start with the certificates of a configuration, asked without one."""

from collections.abc import Iterator

from b2bua.certificates import CertificateUnusable
from b2bua.config import Config, undeclared_listeners
from b2bua.listening import CannotListen, sip_contexts
from control_api.tls import server_context


def certificate_mistakes(config: Config, now_ms: int) -> Iterator[str]:
    """What is wrong with our own certificates and their keys at that time (Unix ms), as `serve` would say it. Reads
    files. Of authorities alone `authority_notes` tells."""
    sip, api = config.sip, config.api
    if sip.tls_certificate is not None and _speaks_tls(config):
        try:
            sip_contexts(sip, now_ms)
        except CannotListen as error:
            yield str(error)
    if api.tls_certificate is not None and api.tls_key is not None:
        try:
            server_context(api.tls_certificate, api.tls_key, now_ms)
        except CertificateUnusable as error:
            yield f"api.tls_certificate: {error}"


def authority_notes(config: Config, now_ms: int) -> Iterator[str]:
    """What is wrong with the peers' authorities where there is no certificate of our own. Reads files. The trunks that
    need them say it too, but not that the server does not start."""
    if config.sip.tls_certificate is None and _speaks_tls(config):
        try:
            sip_contexts(config.sip, now_ms)
        except CannotListen as error:
            yield f"{error}; serve does not start with it"


def _speaks_tls(config: Config) -> bool:
    return any(at.transport == "tls" for at in (*config.sip.listen, *undeclared_listeners(config)))
