"""Web addresses in a configuration: what links begin with, and origins as browsers write them."""

import pytest

from tests.support.configurations import config_of, mistakes_in


@pytest.mark.parametrize(
    "url",
    [
        " https://calls.example",
        "https://calls.example ",
        "https://calls.example/a b",
        "https://calls.example/ä",
        'https://calls.example/"',
        "https://calls.example/100%",
        "https://calls.example?",
        "https://calls.example/#",
        "https://calls.example:0",
        "https:calls.example",
    ],
)
def test_an_address_that_links_cannot_begin_with_is_a_mistake(url: str) -> None:
    (mistake,) = mistakes_in(f"[api]\npublic_url = '{url}'" if '"' in url else f'[api]\npublic_url = "{url}"')
    assert mistake.startswith("api.public_url: ")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://calls.example?x=1", "has more than a host and a path"),
        ("https://calls.example/a#x", "has more than a host and a path"),
        ("https://user@calls.example", "has more than a host and a path"),
        ("https:calls.example", "is no HTTP address"),
        ("https:///a", "is no HTTP address"),
        ("ftp://calls.example", "is no HTTP address"),
    ],
)
def test_a_mistake_says_what_is_wrong_with_an_address(url: str, told: str) -> None:
    (mistake,) = mistakes_in(f"[api]\npublic_url = '{url}'")
    assert told in mistake


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://calls.example/", "https://calls.example"),
        ("HTTPS://calls.example:8443/a/%C3%A4//", "https://calls.example:8443/a/%C3%A4"),
        ("http://[2001:DB8::1]:8080/v", "http://[2001:db8::1]:8080/v"),
        ("http://192.0.2.1:80", "http://192.0.2.1:80"),
    ],
)
def test_an_address_takes_the_form_that_links_begin_with(written: str, read: str) -> None:
    assert config_of(f"[api]\npublic_url = '{written}'").api.public_url == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://portal.example", "https://portal.example"),
        ("https://Portal.Example/", "https://portal.example"),
        ("HTTPS://portal.example:443", "https://portal.example"),
        ("http://portal.example:80", "http://portal.example"),
        ("http://portal.example:443", "http://portal.example:443"),
        ("http://[2001:DB8:0::1]:5173", "http://[2001:db8::1]:5173"),
    ],
)
def test_an_origin_is_what_a_browser_says(written: str, read: str) -> None:
    """RFC 6454 section 6.2; whatever else stands here, no browser's `Origin` would ever be it."""
    assert config_of(f"[api]\ncors_origins = ['{written}']").api.cors_origins == (read,)


def test_an_origin_that_is_written_in_two_ways_stands_there_twice() -> None:
    (mistake,) = mistakes_in("[api]\ncors_origins = ['https://portal.example', 'https://PORTAL.example:443']")
    assert mistake.startswith("api.cors_origins: something stands in it twice")
