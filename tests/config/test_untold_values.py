"""Values that a mistake cannot tell: secrets, and numbers that are not written."""

import pytest

from tests.support.configurations import mistakes_in


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("[secrets]\nformer_master_keys = 'hunter2xyzzy'", None),
        ("[secrets]\nformer_master_keys = {key = 'hunter2xyzzy'}", None),
        ("[secrets]\nformer_master_keys = [['hunter2xyzzy']]", None),
        ("", '["hunter2xyzzy'),
    ],
)
def test_no_mistake_tells_one_of_several_secrets(text: str, variable: str | None) -> None:
    environ = {} if variable is None else {"MASKBRIDGE_SECRETS_FORMER_MASTER_KEYS": variable}
    (mistake,) = mistakes_in(text, environ)
    assert "FORMER_MASTER_KEYS" in mistake.upper()
    assert "xyzzy" not in mistake


@pytest.mark.parametrize("key", ["MASTER_KEY", "URL_SIGNING_KEY", "FORMER_MASTER_KEYS"])
def test_a_secret_of_the_environment_that_is_no_text_is_a_mistake_and_not_told(key: str) -> None:
    secret = f"hunter2xyzzy{'k' * 40}\udcff"
    (mistake,) = mistakes_in("", {f"MASKBRIDGE_SECRETS_{key}": f'["{secret}"]' if key.endswith("S") else secret})
    assert "not UTF-8" in mistake
    assert "xyzzy" not in mistake


@pytest.mark.parametrize("key", ["sip.dscp", "sip.user_agent", "media.port_rest_s", "sip.listen", "calls.record"])
def test_a_number_too_large_to_be_written_is_a_mistake_of_its_key(key: str) -> None:
    """Python writes none of over 4300 digits, and reads them in hexadecimal."""
    section, _, name = key.partition(".")
    (mistake,) = mistakes_in(f"[{section}]\n{name} = 0x{'F' * 5000}")
    assert mistake.startswith(f"{key}: a number of thousands of digits is ")
    (mistake,) = mistakes_in(f"[sip]\nlisten = [0x{'F' * 5000}]")
    assert mistake.startswith("sip.listen: a number of thousands of digits is ")
