"""What `check` advises of profiles whose keys do not go together; nothing of it stops the service."""

from pathlib import Path

import pytest

from tests.support.configurations import A_TRUNK, config_of

ON_IPV6 = "[sip]\nlisten = ['udp://[::1]:5060']\n"
ON_THE_NETWORK = "[sip]\nlisten = ['udp://0.0.0.0:5060']\n"
ON_BOTH = "[sip]\nlisten = ['udp://0.0.0.0:5060', 'udp://[::1]:5060']\n"
IPV6_TRUNK = A_TRUNK.replace("sip:sip.carrier.example", "sip:[2001:db8::1]")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (A_TRUNK + "srtp = 'required'", "srtp"),
        (A_TRUNK + "srtp = 'optional'", "srtp"),
        (A_TRUNK + "invite_timeout_s = 5\n[calls]\nring_timeout_s = 5", "invite_timeout_s"),
        (A_TRUNK + "max_calls = 1", "max_calls"),
        (A_TRUNK + "uri_scheme = 'tel'\nuser_phone = true", "user_phone"),
        (A_TRUNK + "privacy = 'header;id'\nidentity = ['diversion']", "privacy"),
        (ON_IPV6 + IPV6_TRUNK, "uri"),
        (A_TRUNK + "outbound_proxy = '203.0.113.1:5060'\n[media]\naddress = '::1'", "uri"),
        (ON_THE_NETWORK + A_TRUNK, "uri"),
        ("[sip]\nlisten = ['udp://[2001:db8::5]:5060']\n" + A_TRUNK, "uri"),
        (ON_BOTH + A_TRUNK.replace("sip.carrier.example", "203.0.113.9"), "uri"),
        (ON_THE_NETWORK + "[media]\naddress = '192.0.2.1'\nadvertise = '127.0.0.1'\n" + A_TRUNK, "uri"),
    ],
)
def test_what_does_not_go_together_is_told(text: str, key: str) -> None:
    (told,) = config_of(text).warnings
    assert told.startswith(f"trunks[carrier].{key}: ")


@pytest.mark.parametrize(
    "text",
    [
        A_TRUNK,
        A_TRUNK + "max_calls = 2\ncps = 1",
        A_TRUNK + "privacy = 'id'",
        ON_IPV6 + IPV6_TRUNK + "[media]\naddress_ipv6 = '::1'",
        ON_IPV6 + IPV6_TRUNK + "[media]\naddress = '::1'",
        A_TRUNK + "[media]\naddress = '::1'",
        ON_BOTH + IPV6_TRUNK + "[media]\naddress_ipv6 = '::1'",
        A_TRUNK + "[webrtc]\nports = '30000-30009'",
        A_TRUNK + "uri_scheme = 'tel'",
        ON_THE_NETWORK + A_TRUNK.replace("sip.carrier.example", "127.0.0.1"),
        ON_THE_NETWORK + A_TRUNK + "[media]\naddress = '192.0.2.1'",
        ON_THE_NETWORK + A_TRUNK + "[media]\nadvertise = '203.0.113.5'",
        A_TRUNK + "outbound_proxy = 'proxy.example'\noutbound_proxy_route = true",
    ],
)
def test_what_goes_together_is_not(text: str) -> None:
    assert config_of(text).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "listen = '127.0.0.1:9000'",
        "listen = '0.0.0.0:9000'\npublic_url = 'http://localhost:8080'",
        "public_url = 'http://[::1]:8081'",
        "public_url = 'http://127.0.0.2'",
        "listen = '127.0.0.1:80'\npublic_url = 'https://127.0.0.1'",
    ],
)
def test_links_that_lead_to_another_port_of_this_machine_are_told(text: str) -> None:
    (told,) = config_of(f"{A_TRUNK}[api]\n{text}").warnings
    assert told.startswith("api.public_url: links, also those to recordings in webhooks, lead to http")


@pytest.mark.parametrize(
    "text",
    [
        "listen = '0.0.0.0:8080'",
        "listen = '127.0.0.1:0'",
        "listen = '127.0.0.1:9000'\npublic_url = 'https://calls.example'",
        "listen = '127.0.0.1:80'\npublic_url = 'http://127.0.0.1/api'",
        "listen = '[::1]:443'\npublic_url = 'https://localhost'",
    ],
)
def test_links_that_lead_to_the_api_or_to_what_stands_before_it_are_not(text: str) -> None:
    assert config_of(f"{A_TRUNK}[api]\n{text}").warnings == ()


def test_links_that_are_not_what_the_api_speaks_are_told(tmp_path: Path) -> None:
    (tmp_path / "our.pem").touch(0o600)
    tls = "tls_certificate = 'our.pem'\ntls_key = 'our.pem'\n"
    path = tmp_path / "maskbridge.toml"
    (told,) = config_of(f"[api]\n{tls}", path=path).warnings
    assert told.endswith("lead to http://127.0.0.1:8080, and the API speaks HTTPS there")
    (told,) = config_of("[api]\nlisten = '0.0.0.0:8080'\npublic_url = 'https://127.0.0.1:8080'", path=path).warnings
    assert told.endswith("lead to https://127.0.0.1:8080, and the API speaks plain HTTP there")
    for fits in ("public_url = 'https://127.0.0.1:8080'", "public_url = 'http://calls.example'"):
        assert config_of(f"[api]\n{tls}{fits}", path=path).warnings == ()


def test_a_private_key_that_everybody_can_read_is_told_as_other_secrets_are(tmp_path: Path) -> None:
    key, path = tmp_path / "our.pem", tmp_path / "maskbridge.toml"
    key.touch()
    for section in ("sip", "api"):
        text = f"[{section}]\ntls_certificate = 'our.pem'\ntls_key = 'our.pem'\n"
        text += "public_url = 'https://127.0.0.1:8080'" if section == "api" else ""
        key.chmod(0o644)
        (told,) = config_of(text, path=path).warnings
        assert told == f"the secret in {key} can be read by everybody on this machine: chmod 600 {key}"
        key.chmod(0o640)
        assert config_of(text, path=path).warnings == ()
