"""Log lines: their two formats, the call on every line, and no number in any."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from b2bua import logs

CALL = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"
LOG = logging.getLogger("b2bua.switch.leg_task")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = handlers, level
    root.setLevel(level)


def lines_of(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_line_as_json_names_its_call_and_leg(stream: io.StringIO) -> None:
    logs.install("json", "INFO", stream)
    LOG.warning("leg %s: trunk %s: %d", f"{CALL}/b", "carrier", 503)
    (line,) = lines_of(stream)
    told = json.loads(line)
    assert told.pop("at").endswith("Z")
    assert told == {
        "level": "warning",
        "logger": "b2bua.switch.leg_task",
        "message": f"leg {CALL}/b: trunk carrier: 503",
        "call": CALL,
        "leg": "b",
    }


def test_a_line_of_no_call_names_none(stream: io.StringIO) -> None:
    logs.install("json", "INFO", stream)
    LOG.info("stopped")
    assert "call" not in json.loads(stream.getvalue())


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize(
    "number",
    [
        *("9876543210", "+919876543210", "09123456789", "98765 43210", "917969002802"),
        # As address books and word processors write them: blanks that do not break, dashes, signs of direction.
        *("98765\u00a043210", "98765\u201143210", "98765\u2009\u2013\u200943210"),
        *("\u202a+91\u00a098765\u00ad43210\u202c", "98765\u200b43210", "98765\t43210"),
        "\uff19\uff18\uff17\uff16\uff15\uff14\uff13\uff12\uff11\uff10",
    ],
)
def test_no_number_is_written_not_even_in_a_traceback(stream: io.StringIO, log_format: str, number: str) -> None:
    logs.install(log_format, "DEBUG", stream)
    try:
        raise ValueError(f"sip:{number}@host is refused")
    except ValueError:
        LOG.exception("call %s: %s", CALL, number)
    written = stream.getvalue()
    assert number not in written
    assert "******" in written
    assert CALL in written
    assert "ValueError" in written


def test_every_line_that_people_read_of_a_call_names_it(stream: io.StringIO) -> None:
    logs.install("human", "INFO", stream)
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("call %s: no use", CALL)
    written = lines_of(stream)
    assert len(written) > 3
    assert all(CALL in line for line in written)


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_what_a_peer_wrote_cannot_begin_a_line_of_its_own(stream: io.StringIO, log_format: str) -> None:
    logs.install(log_format, "INFO", stream)
    LOG.info("phrase %s", "busy\r\n2026-01-01 CRITICAL forged\x1b[31m")
    (line,) = lines_of(stream)
    assert "\x1b" not in line


def test_ids_and_hexadecimal_words_are_no_numbers(stream: io.StringIO) -> None:
    logs.install("human", "INFO", stream)
    digits = "12345678-1234-4234-8234-123456789012"
    LOG.info("call %s: Call-ID 0123456789abcdef0123456789abcdef", digits)
    assert f"call {digits}: Call-ID 0123456789abcdef0123456789abcdef" in stream.getvalue()


def test_a_level_holds_back_what_is_below_it(stream: io.StringIO) -> None:
    logs.install("human", "WARNING", stream)
    LOG.info("nobody reads this")
    LOG.warning("somebody does")
    assert len(lines_of(stream)) == 1
