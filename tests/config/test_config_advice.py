"""What `check` advises of profiles whose keys do not go together; nothing of it stops the service."""

import pytest

from tests.support.configurations import A_TRUNK, config_of


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (A_TRUNK + "srtp = 'required'", "srtp"),
        (A_TRUNK + "srtp = 'optional'", "srtp"),
        (A_TRUNK + "invite_timeout_s = 5\n[calls]\nring_timeout_s = 5", "invite_timeout_s"),
        (A_TRUNK + "max_calls = 1", "max_calls"),
        (A_TRUNK + "uri_scheme = 'tel'\nuser_phone = true", "user_phone"),
        (A_TRUNK + "privacy = 'header;id'\nidentity = ['diversion']", "privacy"),
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
        A_TRUNK + "uri_scheme = 'tel'",
        A_TRUNK + "outbound_proxy = 'proxy.example'\noutbound_proxy_route = true",
    ],
)
def test_what_goes_together_is_not(text: str) -> None:
    assert config_of(text).warnings == ()
