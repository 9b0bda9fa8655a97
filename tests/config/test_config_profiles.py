"""The trunk profiles that come with the product: each is a valid configuration that nothing is to be said against."""

from importlib.resources import files
from pathlib import Path

import pytest

from b2bua.config import Trunk
from b2bua.config.shipped import Profile, shipped_profiles
from tests.support.configurations import config_of

PROFILES = shipped_profiles()


def test_there_is_one_for_each_usual_kind_of_carrier() -> None:
    assert [profile.name for profile in PROFILES] == ["airtel-type", "exotel-type", "jio-type", "plain-ip"]
    assert all(profile.summary.endswith(".") and len(profile.summary) < 120 for profile in PROFILES)
    assert {file.name for file in files("b2bua.config").joinpath("profiles").iterdir()} == {
        f"{profile.name}.toml" for profile in PROFILES
    }


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_it_is_valid_and_its_keys_go_together(profile: Profile, tmp_path: Path) -> None:
    for name in ("own.crt", "own.key"):
        (tmp_path / name).write_text("PEM")
    (tmp_path / "own.key").chmod(0o600)
    sip = "[sip]\nlisten = ['udp://192.0.2.1:5060', 'tls://192.0.2.1:5061']\n"
    sip += "tls_certificate = 'own.crt'\ntls_key = 'own.key'\n"
    media = "[media]\naddress = '192.0.2.1'\n"
    config = config_of(sip + media + profile.text, path=tmp_path / "maskbridge.toml")
    (trunk,) = config.trunks
    assert trunk.name == profile.name
    assert config.warnings == ()
    assert trunk.numbers
    assert trunk.cps > 0, "what was agreed with a carrier has a rate"


def test_airtel_type() -> None:
    trunk = _trunk("airtel-type")
    assert (trunk.user_phone, trunk.number_format, trunk.uri.transport) == (True, "{e164}", "udp")
    assert trunk.uri.port != 5060
    assert "transport" not in trunk.uri.text


def test_exotel_type() -> None:
    trunk = _trunk("exotel-type")
    assert (trunk.uri.transport, trunk.srtp, trunk.register) == ("tls", "required", False)
    assert trunk.cps * 60 <= 200


def test_jio_type() -> None:
    trunk = _trunk("jio-type")
    assert trunk.reliable_provisional in ("supported", "required")
    assert trunk.session_timer_s > 0
    assert trunk.outbound_proxy is not None
    assert trunk.domain != trunk.outbound_proxy.host


def _trunk(name: str) -> Trunk:
    return config_of(next(profile.text for profile in PROFILES if profile.name == name)).trunks[0]
