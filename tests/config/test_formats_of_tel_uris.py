"""Number formats of a trunk whose URIs are tel: ones: all that make none are told of at once, each under its key."""

from tests.support.configurations import A_TRUNK, mistakes_in

NO_TEL = A_TRUNK + "uri_scheme = 'tel'\nnumber_format = '{plain}'\nrequest_uri_format = '00{plain}'\n"


def keys_of(text: str) -> list[str]:
    return [mistake.partition(": ")[0].partition("].")[2] for mistake in mistakes_in(text)]


def test_number_format_is_told_of_once_whatever_headers_have_it() -> None:
    assert keys_of(NO_TEL) == ["request_uri_format", "number_format"]
    assert keys_of(NO_TEL + "from_format = '{e164}'") == ["request_uri_format", "number_format"]


def test_where_no_header_has_number_format_only_theirs_are_told_of() -> None:
    own = "from_format = '{e164}'\nto_format = '{national}'\nidentity_format = '0{national}'"
    assert keys_of(NO_TEL + own) == ["request_uri_format", "to_format", "identity_format"]
