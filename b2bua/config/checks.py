"""What no key can be judged for alone: values that must fit each other."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from b2bua.billing.errors import BillingError
from b2bua.billing.gstin import STATES, check_gstin, state_code
from b2bua.config.implied import advice_on_listeners, routes_out_of_reach
from b2bua.config.kinds import PAIRS_OF_A_CALL, PAIRS_OF_A_TEST_CALL, ListenAddress, holds_no_call, is_ip
from b2bua.config.sections import (
    ApiSection,
    BillingSection,
    CallsSection,
    Config,
    MailSection,
    MediaSection,
    RehearsalSection,
    Route,
    SecretsSection,
    Trunk,
    WebrtcSection,
)

T = TypeVar("T", bound=Hashable)

SHORTEST_KEY: Final = 16
SHORTEST_MASTER_KEY: Final = 32  # for sealing: it is no password that is stretched, but a key as init writes it
_LOOPBACKS: Final = ("127.0.0.1", "::1")  # where "localhost" is listened


def cross_check(
    config: Config,
    trunk_names: Sequence[str],
    references: Mapping[str, str],
    routes: Mapping[int, Route],
    wrong: Collection[str],
    drafts: Sequence[Trunk] = (),
) -> list[str]:
    """Every mistake between the values of a configuration. `trunk_names` are those declared, and `references` what
    each key says that names one of them, also of entries that are wrong otherwise. `routes`: those that could be read,
    by their position from 1. `wrong`: the keys that have mistakes already. `drafts`: trunks that are none for want of a
    right name or URI, for which something stands in."""
    return [
        *_listeners(config),
        *_advertised(config.media, "media"),
        *_advertised(config.webrtc, "webrtc"),
        *_test_calls(config.test_calls),
        *_browsers(config),
        *_tls_pair("sip", config.sip.tls_certificate, config.sip.tls_key),
        *_tls_pair("api", config.api.tls_certificate, config.api.tls_key),
        *_secrets(config.secrets),
        *_master_keys(config),
        *_billing(config.billing),
        *_mail(config.mail),
        *_names(trunk_names),
        *_trunks((*config.trunks, *drafts)),
        *_references(references, trunk_names),
        *routes_out_of_reach(config, routes, wrong),
    ]


def advice(config: Config) -> Iterator[str]:
    """What fits together but not as it may be meant: told, and no mistake."""
    yield from advice_on_listeners(config)
    yield from _advice_on_ports(config)
    webrtc = config.webrtc
    if webrtc.enabled and webrtc.ports.last - webrtc.ports.first + 1 < webrtc.max_browsers:
        yield (
            f"webrtc.ports: {webrtc.ports.first} to {webrtc.ports.last} are fewer than webrtc.max_browsers, "
            f"{webrtc.max_browsers}"
        )
    yield from _advice_on_links(config.api)
    for trunk in config.trunks:
        yield from _advice_of(trunk, config.calls)
        yield from _advice_on_media(trunk, config)


def _advice_on_ports(config: Config) -> Iterator[str]:
    """Ranges with room for fewer calls than are taken."""
    first, last = config.media.ports
    calls = config.media.ports.pairs // PAIRS_OF_A_CALL
    if calls < config.calls.max_concurrent:
        yield (
            f"media.ports: {first} to {last} are enough for {calls} calls at once, each with four ports; "
            f"calls.max_concurrent is {config.calls.max_concurrent}"
        )
    first, last = config.test_calls.ports
    calls = config.test_calls.ports.pairs // PAIRS_OF_A_TEST_CALL
    if config.test_calls.enabled and calls < config.test_calls.max_concurrent:
        yield (
            f"test_calls.ports: {first} to {last} are enough for {calls} test calls at once, each with eight ports; "
            f"test_calls.max_concurrent is {config.test_calls.max_concurrent}"
        )


def _advice_on_links(api: ApiSection) -> Iterator[str]:
    """Links to this machine itself lead to the API alone, so that where or how it listens was forgotten."""
    url = urlsplit(api.public_url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if not _is_loopback(host) or api.listen.port == 0:
        return
    led = f"api.public_url: links, also those to recordings in webhooks, lead to {api.public_url}, and the API"
    if api.listen.port != port:
        yield f"{led} listens on port {api.listen.port}"
    elif (url.scheme == "https") != (api.tls_certificate is not None) and _meet(host, port, *api.listen):
        yield f"{led} speaks {'plain HTTP' if url.scheme == 'https' else 'HTTPS'} there"


def _advice_of(trunk: Trunk, calls: CallsSection) -> Iterator[str]:
    """What a trunk's profile may not have meant."""
    where = f"trunks[{trunk.name}]"
    if trunk.srtp != "off" and (trunk.outbound_proxy or trunk.uri).transport != "tls":
        yield (
            f"{where}.srtp: the keys of its SRTP are sent in clear, because it is not called over "
            "TLS: whoever reads its SIP can listen"
        )
    if trunk.invite_timeout_s >= calls.ring_timeout_s:
        yield (
            f"{where}.invite_timeout_s: {trunk.invite_timeout_s:g} is not below calls.ring_timeout_s: "
            "a call that gets no answer from it is over before another trunk is tried"
        )
    if trunk.max_calls == 1:
        yield f"{where}.max_calls: 1 has no room for both legs of a call: none between two numbers goes out by it"
    if trunk.user_phone and trunk.uri_scheme == "tel":
        yield f'{where}.user_phone: it says nothing of tel: URIs, and uri_scheme is "tel"'
    if "id" in trunk.privacy.split(";") and not {"p-asserted-identity", "remote-party-id"} & set(trunk.identity):
        yield f"{where}.privacy: id hides an asserted identity, and identity asserts none"


def _advice_on_media(trunk: Trunk, config: Config) -> Iterator[str]:
    """Where a trunk can be called, and then has no media; that it cannot be called is told by the listeners'."""
    host = (trunk.outbound_proxy or trunk.uri).host
    yield from _advice_on_loopback(trunk, host, config)
    if not is_ip(host) or not any((":" in at.host) == (":" in host) for at in config.sip.listen):
        return
    media = config.media
    version, key, received_at = "IPv4", "address", media.address
    if ":" in host:
        version, key, received_at = "IPv6", "address_ipv6", media.address_ipv6 or media.address
    if (":" in host) != (":" in received_at):
        yield f"trunks[{trunk.name}].uri: its calls have no media: {host} is {version}, and media.{key} names none"


def _advice_on_loopback(trunk: Trunk, host: str, config: Config) -> Iterator[str]:
    """Where SIP reaches a trunk elsewhere, and its RTP is asked for to an address that is this machine alone."""
    listen = [at.host for at in config.sip.listen if not is_ip(host) or (":" in at.host) == (":" in host)]
    if _is_loopback(host) or all(_is_loopback(at) for at in listen):
        return
    media = config.media
    told = media.advertise or media.address
    if _is_loopback(told) and not (is_ip(host) and (":" in host) != (":" in told)):
        key = "advertise" if media.advertise else "address"
        yield (
            f"trunks[{trunk.name}].uri: nothing will be heard from it: it is told to send its RTP to {told}, this "
            f"machine alone; media.{key} is to be an address that it reaches"
        )


def _listeners(config: Config) -> Iterator[str]:
    listen = config.sip.listen
    for at, other in combinations(listen, 2):
        if (at.transport == "udp") == (other.transport == "udp") and _meet(at.host, at.port, other.host, other.port):
            yield f"sip.listen: {_named(at)} and {_named(other)} are one port of this machine; expected one for each"
    if any(at.transport == "tls" for at in listen) and config.sip.tls_certificate is None:
        yield "sip.tls_certificate: it is missing; expected a PEM file, because sip.listen has a tls:// listener"
    if config.sip.tls_require_client_certificate and config.sip.tls_ca is None:
        yield (
            "sip.tls_ca: it is missing; expected a PEM file with the authorities of the peers' certificates, "
            "because sip.tls_require_client_certificate is set"
        )
    first, last = config.media.ports
    for at in listen:
        if at.transport == "udp" and first <= at.port <= last:
            yield (
                f"media.ports: {first}-{last} includes the SIP port {at.port} of sip.listen; "
                "expected ranges that do not meet"
            )
    api = config.api.listen
    hosts = _LOOPBACKS if api.host.lower() == "localhost" else (api.host,)
    if any(at.transport != "udp" and _meet(at.host, at.port, host, api.port) for at in listen for host in hosts):
        yield f"api.listen: port {api.port} is a listener of sip.listen too; expected another port"


def _meet(host: str, port: int, other_host: str, other_port: int) -> bool:
    """Whether not both can be listened at: a wildcard is all addresses of its IP version."""
    if not port or port != other_port:
        return False
    if host == other_host:
        return True
    one_version = is_ip(host) and is_ip(other_host) and (":" in host) == (":" in other_host)
    return one_version and (_is_wildcard(host) or _is_wildcard(other_host))


def _named(at: ListenAddress) -> str:
    return f"{at.transport}://{f'[{at.host}]' if ':' in at.host else at.host}:{at.port}"


def _advertised(media: MediaSection | WebrtcSection, section: str) -> Iterator[str]:
    if not media.advertise and _is_wildcard(media.address):
        yield (
            f"{section}.advertise: it is missing; expected this machine's address, because {section}.address is a "
            "wildcard"
        )
    if not media.advertise_ipv6 and media.address_ipv6 and _is_wildcard(media.address_ipv6):
        yield (
            f"{section}.advertise_ipv6: it is missing; expected this machine's address, because "
            f"{section}.address_ipv6 is a wildcard"
        )
    if media.advertise_ipv6 and not media.address_ipv6:
        yield f"{section}.address_ipv6: it is missing; expected an address, because advertise_ipv6 is one of it"
    if media.address_ipv6 and ":" in media.address:
        yield (
            f'{section}.address: "{media.address}" is an IPv6 address, and address_ipv6 is another; '
            "expected an IPv4 address here, or none there"
        )


def _test_calls(section: RehearsalSection) -> Iterator[str]:
    first, last = section.ports
    if section.enabled and section.ports.pairs < PAIRS_OF_A_TEST_CALL:
        yield (
            f'test_calls.ports: "{first}-{last}" {holds_no_call(PAIRS_OF_A_TEST_CALL)}; '
            'expected "first-last" such as "19000-19199", or enabled = false'
        )


def _browsers(config: Config) -> Iterator[str]:
    webrtc = config.webrtc
    if webrtc.turn and not webrtc.turn_secret:
        yield "webrtc.turn_secret: it is missing; expected the secret of the servers of webrtc.turn"
    if not webrtc.enabled:
        return
    if ":" in config.media.address:
        yield "media.address: it is an IPv6 address; expected an IPv4 one, which webrtc.enabled needs"
    first, last = webrtc.ports
    others = {"media": config.media.ports}
    if config.test_calls.enabled:
        others["test_calls"] = config.test_calls.ports
    for section, (other_first, other_last) in others.items():
        if first <= other_last and other_first <= last:
            yield f"webrtc.ports: {first}-{last} meets {section}.ports; expected ranges that do not meet"
    for at in config.sip.listen:
        if at.transport == "udp" and first <= at.port <= last:
            yield (
                f"webrtc.ports: {first}-{last} includes the SIP port {at.port} of sip.listen; "
                "expected ranges that do not meet"
            )


def _is_wildcard(host: str) -> bool:
    return is_ip(host) and ip_address(host).is_unspecified


def _tls_pair(section: str, certificate: Path | None, key: Path | None) -> Iterator[str]:
    if (certificate is None) != (key is None):
        absent, present = ("tls_certificate", "tls_key") if certificate is None else ("tls_key", "tls_certificate")
        yield f"{section}.{absent}: it is missing; expected both or neither, and {present} is set"


def _secrets(secrets: SecretsSection) -> Iterator[str]:
    for name in ("url_signing_key", "master_key"):
        length = len(getattr(secrets, name))
        if 0 < length < SHORTEST_KEY:
            yield f"secrets.{name}: it is {length} characters long; expected at least {SHORTEST_KEY}, unguessable"


def _master_keys(config: Config) -> Iterator[str]:
    """The keys that recordings are sealed with, where they are."""
    secrets = config.secrets
    if config.storage.encrypt and len(secrets.master_key) < SHORTEST_MASTER_KEY:
        what = f"it has {len(secrets.master_key)} characters" if secrets.master_key else "it is missing"
        yield (
            f"secrets.master_key: {what}; expected at least {SHORTEST_MASTER_KEY} random characters, as "
            "`maskbridge init` writes them, because storage.encrypt is set"
        )
    if secrets.former_master_keys and not secrets.master_key:
        yield "secrets.master_key: it is missing; expected one, because former_master_keys has others"


def _mail(mail: MailSection) -> Iterator[str]:
    if mail.host and not mail.sender:
        yield "mail.sender: it is missing; expected a mail address, because mail.host is set"
    if bool(mail.user) != bool(mail.password):
        absent = "password" if mail.user else "user"
        yield f"mail.{absent}: it is missing; expected user and password both, or neither"
    if mail.password and mail.tls == "none" and not _is_loopback(mail.host):
        yield 'mail.tls: "none" would tell the password to the network; expected starttls or tls'


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_ip(host) and ip_address(host).is_loopback)


def _billing(billing: BillingSection) -> Iterator[str]:
    """Who supplies must be there, and be somebody, where payments are taken."""
    if billing.credit_note_series == billing.invoice_series:
        yield "billing.credit_note_series: it is that of the invoices; expected one of its own"
    taken = ("razorpay_key_id", "razorpay_key_secret", "razorpay_webhook_secret")
    if any(getattr(billing, name) for name in taken):
        for name in (*taken, "supplier", "state"):
            if not getattr(billing, name):
                yield f"billing.{name}: it is missing; expected one, because payments are taken through Razorpay"
    yield from _billed_state(billing)


def _billed_state(billing: BillingSection) -> Iterator[str]:
    state = ""
    if billing.state:
        try:
            state = state_code(billing.state)
        except BillingError as error:
            yield f"billing.state: {error}"
    if billing.gstin:
        try:
            gstin = check_gstin(billing.gstin)
        except BillingError as error:
            yield f"billing.gstin: {error}"
        else:
            if state and gstin[:2] != state:
                yield f"billing.gstin: it is one of {STATES[gstin[:2]]}; expected one of billing.state"


def _names(trunk_names: Sequence[str]) -> Iterator[str]:
    for name in _repeated(trunk_names):
        yield f"trunks[{name}].name: two trunks are named so; expected a name of its own for each"


def _trunks(trunks: tuple[Trunk, ...]) -> Iterator[str]:
    for trunk in trunks:
        where = f"trunks[{trunk.name}]"
        for kind in ("auth", "challenge"):
            user, password = getattr(trunk, f"{kind}_username"), getattr(trunk, f"{kind}_password")
            if bool(user) != bool(password):
                absent = f"{kind}_username" if password else f"{kind}_password"
                yield f"{where}.{absent}: it is missing; expected user name and password both, or neither"
        if trunk.register and not trunk.auth_username and not trunk.auth_password:
            yield f"{where}.auth_username: it is missing; expected one, because the trunk is registered with"
        yield from _profile(trunk, where)
        if 0 < trunk.session_timer_s < trunk.session_timer_min_s:
            yield (
                f"{where}.session_timer_s: {trunk.session_timer_s} is below session_timer_min_s; "
                f"expected at least {trunk.session_timer_min_s}, or 0"
            )


def _profile(trunk: Trunk, where: str) -> Iterator[str]:
    """Keys of a trunk that cannot be obeyed together."""
    if trunk.outbound_proxy_route and trunk.outbound_proxy is None:
        yield f"{where}.outbound_proxy: it is missing; expected one, because outbound_proxy_route names it"
    if trunk.uri_scheme == "tel":
        headers = ("request_uri_format", "from_format", "to_format", "identity_format")
        # What a header takes from number_format is told of once, for all of them.
        for key in dict.fromkeys(each if getattr(trunk, each) else "number_format" for each in headers):
            written = getattr(trunk, key)
            if written != "{e164}":
                yield (
                    f'{where}.{key}: "{written}" is no global number (RFC 3966); '
                    'expected "{e164}", because uri_scheme is "tel"'
                )


def _references(references: Mapping[str, str], trunk_names: Sequence[str]) -> Iterator[str]:
    known = ", ".join(sorted(set(trunk_names))) or "none is declared"
    for key, name in references.items():
        if name not in trunk_names:
            yield f'{key}: no trunk is named "{name}"; expected one of: {known}'


def _repeated(values: Iterable[T]) -> list[T]:
    return [value for value, times in Counter(values).items() if times > 1]
