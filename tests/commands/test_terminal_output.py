"""Tables and colours on a terminal, plain text elsewhere."""

import io
import json
import re
from collections.abc import Callable

import pytest

from b2bua.commands.line import run
from b2bua.commands.output import Output
from tests.commands.conftest import Desk

ROWS: list[dict[str, object]] = [
    {"name": "carrier", "state": "up", "note": None},
    {"name": "spare", "state": "down", "note": "[x] 9"},
]
COLUMNS = ("name", "state", "note")
ESCAPE = "\x1b["


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def told(out: io.StringIO, rows: list[dict[str, object]] | None = None, *, as_json: bool = False) -> str:
    Output(as_json=as_json, out=out).rows(ROWS if rows is None else rows, COLUMNS)
    return out.getvalue()


def test_a_terminal_gets_a_table_in_colour() -> None:
    text = told(Terminal())
    assert f"{ESCAPE}32mup" in text
    assert f"{ESCAPE}1;31mdown" in text
    assert "[x] 9" in text, "what stands in a row is no markup"


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = told(Terminal())
    assert "32m" not in text
    assert "31m" not in text
    assert "carrier" in text


def test_a_dumb_terminal_gets_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert ESCAPE not in told(Terminal())


def test_elsewhere_the_text_is_plain_and_aligned() -> None:
    assert told(io.StringIO()) == "name     state  note\ncarrier  up     -\nspare    down   [x] 9\n"


@pytest.mark.parametrize("out", [Terminal(), io.StringIO()])
def test_a_script_gets_one_object_wherever_it_goes(out: io.StringIO) -> None:
    text = told(out, as_json=True)
    assert text.count("\n") == 1
    assert ESCAPE not in text
    assert text.startswith('{"data": [')


def test_a_table_that_is_too_wide_is_told_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    text = told(Terminal(), [{"name": "carrier", "state": "up", "note": "x" * 40}])
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]
    assert lines == ["carrier", "  state  up", "  note   " + "x" * 40]


def test_long_work_shows_a_bar_on_a_terminal_and_nothing_elsewhere() -> None:
    for out, shows in ((Terminal(), True), (io.StringIO(), False)):
        output = Output(as_json=False, out=out)
        with output.progress("recordings") as tell:
            tell(1, 2)
            tell(2, 2)
        assert ("recordings" in out.getvalue()) is shows


def test_a_bar_never_disturbs_json() -> None:
    out = Terminal()
    with Output(as_json=True, out=out).progress("recordings") as tell:
        tell(1, 1)
    assert out.getvalue() == ""


PHRASE = "No\x1b]0;mine\x07\x9b2J\x7f\rhere"


@pytest.mark.parametrize("terminal", [Terminal, io.StringIO], ids=["a terminal", "elsewhere"])
@pytest.mark.parametrize(
    "tell",
    [
        lambda output: output.rows([{"name": PHRASE}], ["name"]),
        lambda output: output.one({"name": PHRASE}),
        lambda output: output.drawn([[("|", "dim"), (PHRASE, "bad")]]),
        lambda output: output.line(PHRASE),
    ],
    ids=["rows", "one", "drawn", "line"],
)
def test_what_a_peer_says_rules_no_terminal(tell: Callable[[Output], None], terminal: type[io.StringIO]) -> None:
    """A carrier's phrase in `check`, its Reason and Warning in `trace`: a title, the clipboard, what stood above."""
    out = terminal()
    tell(Output(as_json=False, out=out))
    plain = re.sub("\x1b\\[[0-9;]*m", "", out.getvalue())
    assert r"No\x1b]0;mine\x07\x9b2J\x7f\rhere" in plain
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain)


@pytest.mark.parametrize("terminal", [Terminal, io.StringIO], ids=["a terminal", "elsewhere"])
def test_what_a_peer_says_rules_no_terminal_in_json_either(terminal: type[io.StringIO]) -> None:
    """JSON escapes the controls of ASCII but for one, and none of Latin-1, which a terminal obeys as well."""
    out = terminal()
    Output(as_json=True, out=out).one({"name": PHRASE})
    assert json.loads(out.getvalue()) == {"name": PHRASE}
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out.getvalue())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_has_no_signs_for_is_written_in_escapes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """What was done is never told as a failure for want of signs."""
    desk.json("org", "create", "\u0926\u0941\u0915\u093e\u0928 \N{GRINNING FACE}")
    written = []
    for more in ([], ["--json"]):
        out = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr("sys.stdout", out)
        assert run(["org", "list", "-c", str(desk.config), *more]) == 0
        out.seek(0)
        written.append(out.read())
    assert "\\u0926\\u0941\\u0915\\u093e\\u0928 \\U0001f600" in written[0]
    assert json.loads(written[1])["data"][0]["name"] == "\u0926\u0941\u0915\u093e\u0928 \N{GRINNING FACE}"
