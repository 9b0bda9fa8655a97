"""A configuration is read whole or refused with all its mistakes."""

import re
import tomllib
from dataclasses import MISSING, fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from b2bua.config import (
    ConfigInvalid,
    HostPort,
    ListenAddress,
    PortRange,
    TrunkUri,
    default_config_text,
    load_config,
)
from b2bua.config.sections import LISTS, SECTIONS, kinds_of
from tests.support.configurations import A_TRUNK, config_of, default_of, mistakes_in


def test_nothing_configured_is_a_configuration() -> None:
    config = config_of("")
    assert config.sip.listen == (ListenAddress("udp", "127.0.0.1", 5060),)
    assert config.media.ports == PortRange(20000, 29999)
    assert config.api.listen == HostPort("127.0.0.1", 8080)
    assert config.storage.recordings == Path("/nonexistent/var/recordings")
    assert config.storage.url == "sqlite:////nonexistent/var/maskbridge.db"
    assert config.calls.ring_timeout_s == 45
    assert config.trunks == ()


def test_a_trunk_has_the_documented_defaults() -> None:
    (trunk,) = config_of(A_TRUNK).trunks
    assert trunk.uri == TrunkUri("sip.carrier.example", 5060, "udp", "sip:sip.carrier.example:5060", True, False)
    assert trunk.number_format == "{e164}"
    assert trunk.identity == ("p-asserted-identity",)
    assert trunk.codecs == ("PCMA", "PCMU")
    assert (trunk.invite_timeout_s, trunk.options_interval_s, trunk.weight) == (4, 30, 1)


def test_values_take_their_parsed_form() -> None:
    config = config_of(
        """
        [sip]
        listen = ["udp://[2001:db8::1]:5080", "tcp://192.0.2.1:5080"]
        [api]
        listen = "[::1]:9000"
        public_url = "https://calls.example/api/"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        cors_origins = ["https://portal.example"]
        [media]
        ports = "30000 - 30099"
        [storage]
        recordings = "/srv/recordings"
        [[trunks]]
        name = "t"
        uri = "sip:[2001:db8::2]:5070;transport=tcp"
        outbound_proxy = "proxy.example"
        addresses = ["203.0.113.7"]
        """
    )
    assert config.sip.listen == (ListenAddress("udp", "2001:db8::1", 5080), ListenAddress("tcp", "192.0.2.1", 5080))
    assert config.api.listen == HostPort("::1", 9000)
    assert config.api.public_url == "https://calls.example/api"
    assert config.api.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert config.media.ports == (30000, 30099)
    assert config.storage.recordings == Path("/srv/recordings")
    (trunk,) = config.trunks
    assert (trunk.uri.host, trunk.uri.port, trunk.uri.transport) == ("2001:db8::2", 5070, "tcp")
    assert trunk.outbound_proxy == TrunkUri("proxy.example", 5060, "udp", "sip:proxy.example", False, False)
    assert trunk.addresses == (ip_network("203.0.113.7/32"),)


def test_what_entries_say_of_each_other_is_told_of_those_with_other_mistakes_too() -> None:
    mistakes = mistakes_in(
        """
        [[trunks]]
        name = "carrier"
        uri = "sip:carrier.example"
        [[trunks]]
        name = "carrier"
        uri = "http://carrier.example"
        [[routes]]
        match = "["
        to = "sip:{user}@"
        via = "nowhere"
        trunk = "nobody"
        """
    )
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "trunks[carrier].uri",
        "routes[#1].match",
        "routes[#1].to",
        "trunks[carrier].name",
        "routes[#1].via",
        "routes[#1].trunk",
    ]


def test_all_mistakes_come_at_once_each_with_its_key_and_what_is_expected() -> None:
    mistakes = mistakes_in(
        """
        [sip]
        listen = ["udp://localhost:5060", "upd://127.0.0.1:1"]
        [calls]
        ring_timeout_s = 500
        record = 1
        [[trunks]]
        name = "carrier"
        uri = "sip:carrier.example"
        numbers = ["7969002802"]
        [[routes]]
        match = "["
        to = "sip:{user}@203.0.113.10"
        via = "carrier"
        [[routes]]
        match = ".*"
        to = "sip:{user}@203.0.113.10"
        via = "carier"
        """
    )
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "sip.listen",
        "calls.ring_timeout_s",
        "calls.record",
        "trunks[carrier].numbers",
        "routes[#1].match",
        "routes[#2].via",
    ]
    assert "localhost" in mistakes[0]
    assert "upd://" in mistakes[0]
    assert all("; expected " in mistake for mistake in mistakes)
    assert "500 is out of range; expected a whole number of 5 to 120" in mistakes[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sip]\nlissten = []", "sip.lissten: there is no such key; the nearest is listen"),
        ("[calls]\nring_timeout = 3", "calls.ring_timeout: there is no such key; the nearest is ring_timeout_s"),
        ("[webhoks]\ntimeout_s = 1", "[webhoks]: there is no such section; the nearest is [webhooks]"),
        ('[[trunk]]\nname = "x"', "[trunk]: there is no such section; the nearest is [trunks]"),
        ("advertise = ''", "advertise: it stands outside every section; it belongs below [sip]"),
        ("rtp_timeout = 1", "the nearest is media.rtp_timeout_s"),
        (
            A_TRUNK + "numbr_format = '{e164}'",
            "trunks[carrier].numbr_format: there is no such key; the nearest is number_format",
        ),
    ],
)
def test_an_unknown_name_is_a_mistake_that_names_the_nearest_known_one(text: str, said: str) -> None:
    (mistake,) = mistakes_in(text)
    assert mistake.endswith(said)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[trunks]\nname = 'x'", "trunks"),
        ("trunks = 3", "trunks"),
        ("[[sip]]\nadvertise = ''", "sip"),
        ("[sip]\nlisten = 'udp://127.0.0.1:5060'", "sip.listen"),
        ("[sip]\nlisten = []", "sip.listen"),
        ("[sip]\nlisten = ['udp://::1:5060']", "sip.listen"),
        ("[sip]\nlisten = ['udp://[::1:5060']", "sip.listen"),
        ("[sip]\nlisten = ['udp://127.0.0.1']", "sip.listen"),
        ("[sip]\nlisten = ['udp://127.0.0.1:70000']", "sip.listen"),
        ("[sip]\nlisten = ['udp://1.2.3.4:5060', 'udp://1.2.3.4:5060']", "sip.listen"),
        ("[sip]\nadvertise = 'sip.example:5060'", "sip.advertise"),
        ("[sip]\nadvertise = '1.2.3.400'", "sip.advertise"),
        ("[sip]\nuser_agent = ''", "sip.user_agent"),
        ('[sip]\nuser_agent = "a\\r\\nX: b"', "sip.user_agent"),
        ("[sip]\ntls_key = 'missing.pem'", "sip.tls_key"),
        ("[media]\naddress = 'media.example'", "media.address"),
        ("[media]\nports = '500-600'", "media.ports"),
        ("[media]\nports = '30000-20000'", "media.ports"),
        ("[media]\nports = 20000", "media.ports"),
        ("[media]\nport_rest_s = -1", "media.port_rest_s"),
        ("[media]\nrtp_timeout_s = nan", "media.rtp_timeout_s"),
        ("[media]\nrtp_timeout_s = true", "media.rtp_timeout_s"),
        ("[api]\npublic_url = 'ftp://x'", "api.public_url"),
        ("[api]\npublic_url = 'https://x/?a=1'", "api.public_url"),
        ("[api]\npublic_url = 'http://[::1'", "api.public_url"),
        ("[api]\npublic_url = 'http://[sip.example]:8080'", "api.public_url"),
        ("[api]\ncors_origins = ['https://x/path']", "api.cors_origins"),
        ("[api]\ncors_origins = ['https://[::1']", "api.cors_origins"),
        ("[api]\ntrusted_proxies = ['10.0.0.1/8']", "api.trusted_proxies"),
        ("[api]\nrate_limit_per_minute = 0", "api.rate_limit_per_minute"),
        ("[storage]\nurl = 'postgresql://x'", "storage.url"),
        ("[storage]\nrecordings = ''", "storage.recordings"),
        ("[calls]\nlog_number_style = 'both'", "calls.log_number_style"),
        ("[calls]\nring_timeout_s = 45.5", "calls.ring_timeout_s"),
        ("[calls]\nmax_concurrent = true", "calls.max_concurrent"),
        ("[billing]\nrazorpay_url = 'http://[::1'", "billing.razorpay_url"),
        ('[mail]\npassword = "file:se\\u0000cret"', "mail.password"),
    ],
)
def test_a_wrong_value_is_a_mistake_of_its_key(text: str, key: str) -> None:
    (mistake,) = mistakes_in(text)
    assert mistake.startswith(f"{key}: ")


@pytest.mark.parametrize(
    "line",
    [
        "numbers = ['917969002802', '917969002802']",
        "numbers = ['+917969002802']",
        "numbers = ['910000000000']",
        "domain = 'x.example:5060'",
        "outbound_proxy = 'sip:user@proxy'",
        "number_format = '{E164}'",
        "from_format = 'tel:{e164}'",
        "identity = ['p-asserted-identity', 'p-asserted-identity']",
        "identity = ['history']",
        "uri_scheme = 'sips'",
        "from_domain = 'x.example:5060'",
        "outbound_proxy_route = 'yes'",
        "privacy = 'secret'",
        "reliable_provisional = true",
        "session_timer_s = 60",
        "codecs = []",
        "codecs = ['G729']",
        "ptime_ms = 25",
        "dtmf_payload_type = 8",
        "early_media = 'on'",
        "srtp = 'sdes'",
        "challenge_algorithms = []",
        "challenge_algorithms = ['SHA-1']",
        "redirects = 'maybe'",
        "options_interval_s = 0.5",
        "invite_timeout_s = 0",
        "cps = -1",
        "weight = 0",
        "media_addresses = ['carrier.example']",
    ],
)
def test_a_wrong_value_of_a_trunk_is_a_mistake_of_its_key(line: str) -> None:
    text = A_TRUNK.replace('numbers = ["917969002802"]\n', "") + line
    (mistake,) = mistakes_in(text)
    assert mistake.startswith(f"trunks[carrier].{line.partition(' ')[0]}: ")


@pytest.mark.parametrize(
    "uri",
    [
        "carrier.example",
        "sip:",
        "sip:a@carrier.example",
        "sip:carrier.example:0",
        "sip:x;lr",
        "tel:+91",
        "sip:2001:db8::1",
        "sip:x:",
        "sips:x;transport=udp",
        f"sip:{'x' * 64}.example",
    ],
)
def test_a_trunks_uri_is_a_host_and_nothing_else(uri: str) -> None:
    (mistake,) = mistakes_in(f'[[trunks]]\nname = "t"\nuri = "{uri}"')
    assert mistake.startswith("trunks[t].uri: ")


@pytest.mark.parametrize(
    ("uri", "port", "transport"),
    [
        ("sip:x.example", 5060, "udp"),
        ("sip:x.example:5080;transport=UDP", 5080, "udp"),
        ("sip:x.example;transport=tls", 5061, "tls"),
        ("sips:x.example", 5061, "tls"),
        ("sips:x.example;transport=tcp", 5061, "tls"),
    ],
)
def test_a_trunks_uri_implies_port_and_transport(uri: str, port: int, transport: str) -> None:
    (trunk,) = config_of(f'[[trunks]]\nname = "t"\nuri = "{uri}"').trunks
    assert (trunk.uri.port, trunk.uri.transport) == (port, transport)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (A_TRUNK + A_TRUNK, "trunks[carrier].name"),
        (A_TRUNK + "auth_username = 'u'", "trunks[carrier].auth_password"),
        (A_TRUNK + "challenge_password = 'p'", "trunks[carrier].challenge_username"),
        (A_TRUNK + "register = true", "trunks[carrier].auth_username"),
        (A_TRUNK + "register = true\nauth_password = 'p'", "trunks[carrier].auth_username"),
        (A_TRUNK + "outbound_proxy_route = true", "trunks[carrier].outbound_proxy"),
        (A_TRUNK + "uri_scheme = 'tel'\nnumber_format = '0{national}'", "trunks[carrier].number_format"),
        (A_TRUNK + "uri_scheme = 'tel'\nfrom_format = '{plain}'", "trunks[carrier].from_format"),
        (A_TRUNK + "session_timer_s = 120\nsession_timer_min_s = 600", "trunks[carrier].session_timer_s"),
        (A_TRUNK + "[[routes]]\nmatch = '.*'\nto = 'sip:{user}@h'\nvia = 'other'", "routes[#1].via"),
        (A_TRUNK + "[[routes]]\nmatch = '.*'\nto = 'sip:a@h'\nvia = 'carrier'\ntrunk = 'other'", "routes[#1].trunk"),
        ("[sip]\ntls_require_client_certificate = true", "sip.tls_ca"),
        ("[sip]\nlisten = ['udp://127.0.0.1:5060', 'tls://127.0.0.1:5061']", "sip.tls_certificate"),
        ("[sip]\nlisten = ['udp://127.0.0.1:20001']", "media.ports"),
        ("[sip]\nlisten = ['udp://127.0.0.1:5060', 'tcp://127.0.0.1:8080']", "api.listen"),
        ("[secrets]\nmaster_key = 'swordfish'", "secrets.master_key"),
        ("[api]\ntls_certificate = '/dev/null/x'", "api.tls_certificate"),
        ("[media]\naddress = '::'", "media.advertise"),
        ("[media]\naddress_ipv6 = '::'", "media.advertise_ipv6"),
        ("[media]\naddress_ipv6 = '127.0.0.1'", "media.address_ipv6"),
        ("[media]\nadvertise_ipv6 = '::1'", "media.address_ipv6"),
        ("[media]\naddress = '::1'\naddress_ipv6 = '::1'", "media.address"),
    ],
)
def test_values_must_fit_each_other(text: str, key: str) -> None:
    (mistake,) = mistakes_in(text)
    assert mistake.startswith(f"{key}: ")


@pytest.mark.parametrize("wrong", ["uri = 'sip:a@sip.carrier.example'", "name = 'the carrier'", ""])
def test_what_does_not_fit_is_told_of_a_trunk_without_a_right_name_or_uri_too(wrong: str) -> None:
    """All mistakes at once: whoever has mended the URI is not to be told then of what stood there all the time."""
    named = {"name": "name = 'carrier'", "uri": "uri = 'sip:sip.carrier.example'", wrong.partition(" ")[0]: wrong}
    keys = [named["name"], named["uri"]] if wrong else [named["name"]]
    more = ["auth_password = 'p'", "register = true", "outbound_proxy_route = true", "session_timer_s = 90"]
    text = "\n".join(["[[trunks]]", *keys, *more, "session_timer_min_s = 600"])
    named_keys = [mistake.partition(": ")[0].partition("].")[2] for mistake in mistakes_in(text)]
    expected = [wrong.partition(" ")[0] or "uri", "auth_username", "outbound_proxy", "session_timer_s"]
    assert named_keys == expected


@pytest.mark.parametrize("section", ["sip", "api"])
def test_a_certificate_and_its_key_are_given_both(tmp_path: Path, section: str) -> None:
    (tmp_path / "some.pem").touch()
    path = tmp_path / "maskbridge.toml"
    (mistake,) = mistakes_in(f'[{section}]\ntls_certificate = "some.pem"', path=path)
    assert mistake.startswith(f"{section}.tls_key: it is missing")
    (mistake,) = mistakes_in(f'[{section}]\ntls_key = "some.pem"', path=path)
    assert mistake.startswith(f"{section}.tls_certificate: it is missing")


@pytest.mark.parametrize("section", ["sip", "api"])
def test_a_file_that_cannot_be_looked_for_is_one_mistake_among_the_others(tmp_path: Path, section: str) -> None:
    long = "x" * 300
    text = f"[{section}]\ntls_certificate = '{long}'\ntls_key = '{long}'\nnonsense = 1"
    mistakes = mistakes_in(text, path=tmp_path / "maskbridge.toml")
    named = [mistake.partition(":")[0] for mistake in mistakes]
    assert {f"{section}.tls_certificate", f"{section}.tls_key"} <= set(named)
    assert any("nonsense" in mistake for mistake in mistakes)
    assert any("too long" in mistake for mistake in mistakes)


def test_a_consequence_of_a_mistake_is_not_a_second_one() -> None:
    (mistake,) = mistakes_in(A_TRUNK + "auth_username = 'u'\nauth_password = 'file:missing'")
    assert mistake.startswith("trunks[carrier].auth_password: the file /nonexistent/missing cannot be read")
    route = "[[routes]]\nmatch = '.*'\nto = 'sip:{user}@h'\nvia = 'carrier'"
    (mistake,) = mistakes_in(A_TRUNK.replace("sip:sip.", "sip:a@") + route)
    assert mistake.startswith("trunks[carrier].uri: ")


def test_the_environment_overrides_the_file() -> None:
    config = config_of(
        "[calls]\nrecord = true\nring_timeout_s = 30",
        {
            "MASKBRIDGE_SIP_LISTEN": "udp://192.0.2.1:5060, udp://192.0.2.2:5060",
            "MASKBRIDGE_API_CORS_ORIGINS": '["https://a.example"]',
            "MASKBRIDGE_API_TRUSTED_PROXIES": "",
            "MASKBRIDGE_CALLS_RECORD": "false",
            "MASKBRIDGE_CALLS_RING_TIMEOUT_S": "60",
            "MASKBRIDGE_MEDIA_RTP_TIMEOUT_S": "2.5",
            "MASKBRIDGE_SECRETS_MASTER_KEY": "sixteen characters",
            "MASKBRIDGE_CONFIG": "elsewhere.toml",
            "MASKBRIDGE_LOG": "DEBUG",
            "PATH": "/bin",
        },
    )
    assert [at.host for at in config.sip.listen] == ["192.0.2.1", "192.0.2.2"]
    assert config.api.cors_origins == ("https://a.example",)
    assert config.api.trusted_proxies == ()
    assert config.calls.record is False
    assert config.calls.ring_timeout_s == 60
    assert config.media.rtp_timeout_s == 2.5
    assert config.secrets.master_key == "sixteen characters"


def test_every_key_has_a_variable() -> None:
    asked = {
        f"MASKBRIDGE_{name}_{key}".upper(): "\0" for name, section in SECTIONS.items() for key in kinds_of(section)
    }
    assert "MASKBRIDGE_TEST_CALLS_ENABLED" in asked
    assert not any("no setting is named so" in mistake for mistake in mistakes_in("", asked))
    assert config_of("", {"MASKBRIDGE_TEST_CALLS_ENABLED": "false"}).test_calls.enabled is False


def test_what_the_examples_of_the_documentation_read_is_no_setting() -> None:
    """Whoever follows them types commands in the same shell."""
    config_of("", {"MASKBRIDGE_URL": "http://127.0.0.1:8080", "MASKBRIDGE_KEY": "vp_test_0"})


def test_a_wrong_variable_is_a_mistake_that_names_it() -> None:
    mistakes = mistakes_in(
        "",
        {
            "MASKBRIDGE_API_CORS_ORIGINS": "[" * 50_000,
            "MASKBRIDGE_API_LISTN": "x",
            "MASKBRIDGE_CALLS_RECORD": "perhaps",
            "MASKBRIDGE_CALLS_RING_TIMEOUT_S": "soon",
            "MASKBRIDGE_MEDIA_PORTS": "1-2",
            "MASKBRIDGE_TRUNKS_NAME": "x",
        },
    )
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "MASKBRIDGE_API_CORS_ORIGINS (environment)",
        "MASKBRIDGE_API_LISTN (environment)",
        "MASKBRIDGE_CALLS_RECORD (environment)",
        "MASKBRIDGE_CALLS_RING_TIMEOUT_S (environment)",
        "MASKBRIDGE_TRUNKS_NAME (environment)",
        "media.ports",
    ]
    assert "is no JSON list" in mistakes[0]
    assert mistakes[1].endswith("the nearest is MASKBRIDGE_API_LISTEN")


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "carrier.password"
    file.parent.mkdir()
    file.write_text("hunter2\n")
    file.chmod(0o600)
    text = A_TRUNK + "auth_username = 'u'\nauth_password = 'file:secrets/carrier.password'"
    config = config_of(text, path=tmp_path / "maskbridge.toml")
    assert config.trunks[0].auth_password == "hunter2"
    assert config.warnings == ()
    assert "hunter2" not in repr(config)


def test_a_secret_of_another_user_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **_options: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    (mistake,) = mistakes_in("[secrets]\nmaster_key = 'file:key'", path=tmp_path / "maskbridge.toml")
    assert "(Permission denied); commands are for the user that the server runs as" in mistake


def test_a_secret_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 64)
    file.chmod(0o644)
    config = config_of("[secrets]\nmaster_key = 'file:key'", path=tmp_path / "maskbridge.toml")
    (warning,) = config.warnings
    assert str(file) in warning


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo", b"\xff\xfe"])
def test_a_secret_file_without_one_line_of_text_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (mistake,) = mistakes_in("[secrets]\nmaster_key = 'file:key'", path=tmp_path / "maskbridge.toml")
    assert mistake.startswith(f"secrets.master_key: the file {tmp_path / 'key'} ")


def test_no_mistake_tells_a_secret() -> None:
    mistakes = mistakes_in(A_TRUNK + "auth_username = 'u'\nauth_password = 12345678")
    assert "12345678" not in "".join(mistakes)
    mistakes = mistakes_in(A_TRUNK + 'auth_username = "u"\nauth_password = "hunter\\u0007xyzzy"')
    assert mistakes
    assert "xyzzy" not in "".join(mistakes)


@pytest.mark.parametrize("content", [b"[sip\n", b"[sip]\nuser_agent = '\xff'", b"[sip]\n[sip]\n", b"#" * 1_100_000])
def test_a_file_that_is_no_configuration_is_one_clear_mistake(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "maskbridge.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(file, {})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{file}: ")


def test_a_file_that_is_not_there_is_one_clear_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="maskbridge init"):
        load_config(tmp_path / "maskbridge.toml", {})


def test_the_default_file_is_the_defaults_with_secrets_in_files(tmp_path: Path) -> None:
    file = tmp_path / "maskbridge.toml"
    file.write_text(default_config_text())
    (tmp_path / "secrets").mkdir()
    for name in ("url_signing.key", "master.key"):
        (tmp_path / "secrets" / name).write_text(name * 4)
        (tmp_path / "secrets" / name).chmod(0o600)
    config = load_config(file, {})
    assert (config.secrets.url_signing_key, config.secrets.master_key) == ("url_signing.key" * 4, "master.key" * 4)
    assert config.warnings == ()
    bare = config_of("", path=file)
    for section in SECTIONS:
        if section != "secrets":
            assert getattr(config, section) == getattr(bare, section)


def test_the_default_file_names_every_key_with_its_default() -> None:
    text = default_config_text()
    document = tomllib.loads(text)
    for section, made in SECTIONS.items():
        assert set(document[section]) == {each.name for each in fields(made)}
    examples = re.sub(r"^# ?(?=\[\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    with_examples = tomllib.loads(examples)
    config = config_of(re.sub(r'"file:[^"]*"', '""', examples))
    for name, made in LISTS.items():
        (entry,) = with_examples[name]
        assert set(entry) == {each.name for each in fields(made)}
        for each in fields(made):
            if each.default is not MISSING and each.name != "numbers":
                assert getattr(getattr(config, name)[0], each.name) == default_of(name, each.name)


def test_a_port_range_for_fewer_calls_than_are_taken_is_told() -> None:
    (told,) = config_of('[media]\nports = "20000-20399"\n[calls]\nmax_concurrent = 101').warnings
    assert told.startswith("media.ports: 20000 to 20399 are enough for 100 calls at once")
    assert config_of('[media]\nports = "20000-20399"\n[calls]\nmax_concurrent = 100').warnings == ()


TLS_TRUNK = A_TRUNK.replace("sip.carrier.example:5060", "sip.carrier.example;transport=tls")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (A_TRUNK + "srtp = 'required'", True),
        (A_TRUNK + "srtp = 'optional'", True),
        (A_TRUNK, False),
        (TLS_TRUNK + "srtp = 'required'", False),
        (TLS_TRUNK + "srtp = 'required'\noutbound_proxy = 'sip:proxy.example'", True),
        (A_TRUNK + "srtp = 'required'\noutbound_proxy = 'sip:proxy.example;transport=tls'", False),
    ],
)
def test_keys_of_srtp_that_are_sent_in_clear_are_told(text: str, told: bool) -> None:
    """RFC 4568 section 7: SDES is as safe as the signalling that carries it."""
    warnings = [warning for warning in config_of(text).warnings if warning.startswith("trunks[carrier].srtp: ")]
    assert len(warnings) == told


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("[storage]\nencrypt = true", "secrets.master_key: it is missing; expected at least 32"),
        ("[storage]\nencrypt = true\n[secrets]\nmaster_key = 'sixteen characters'", "secrets.master_key: it has 18"),
        ("[secrets]\nformer_master_keys = ['" + "o" * 32 + "']", "secrets.master_key: it is missing; expected one"),
        ("[storage]\nretention_days = -1", "storage.retention_days: -1 is out of range"),
    ],
)
def test_sealing_wants_its_keys(text: str, begins: str) -> None:
    (mistake,) = mistakes_in(text)
    assert mistake.startswith(begins)


def test_former_master_keys_are_read_as_secrets_are(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("o" * 64)
    (tmp_path / "old").chmod(0o600)
    text = "[storage]\nencrypt = true\n[secrets]\nmaster_key = '" + "n" * 64 + "'\nformer_master_keys = ['file:old']"
    config = config_of(text, path=tmp_path / "maskbridge.toml")
    assert config.secrets.former_master_keys == ("o" * 64,)
    assert "oooo" not in repr(config)
    assert "nnnn" not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[sip]\n[sip]\n",
            "line 2: [sip] cannot be written twice; it stands further up already: change its keys there",
        ),
        ("[[trunks]]\n[trunks]\n", "line 2: [trunks] cannot be written twice; write [[trunks]]"),
        ("[sip]\nlisten = []\nlisten = []\n", "line 3: this stands in its section already; write each key once"),
        ("[sip]\ndscp = 0\ndscp = 46", "last line: this stands in its section already; write each key once"),
        ("[sip]\nlisten = \n", "is not TOML: Invalid value (at line 2, column 10)"),
        (f"[sip]\nlisten = {'[' * 5_000}\n", "is nested too deeply; this is no configuration"),
        (f"[sip]\ndscp = {'9' * 5_000}\n", "has a number of thousands of digits; this is no configuration"),
    ],
)
def test_what_is_pasted_under_a_file_that_has_it_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "maskbridge.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigInvalid) as invalid:
        load_config(path, {})
    assert invalid.value.mistakes == [f"{path}: {said}"]


def test_only_a_file_that_is_not_there_is_to_be_written(tmp_path: Path) -> None:
    for path, hinted in ((tmp_path / "none.toml", True), (tmp_path, False)):
        with pytest.raises(ConfigInvalid) as invalid:
            load_config(path, {})
        assert ("maskbridge init" in str(invalid.value)) == hinted


def test_a_byte_order_mark_before_the_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "maskbridge.toml"
    path.write_text("[calls]\nring_timeout_s = 20\n", "utf-8-sig")
    assert load_config(path, {}).calls.ring_timeout_s == 20


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("n" * 64 + "\n", "utf-8-sig")
    config = config_of("[secrets]\nmaster_key = 'file:key'\n", path=tmp_path / "maskbridge.toml")
    assert config.secrets.master_key == "n" * 64
