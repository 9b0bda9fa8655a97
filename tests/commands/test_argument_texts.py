"""What the command line says of its arguments, and of what is none of its commands."""

import pytest

from b2bua.commands.argument_texts import ARGUMENT_TEXTS, clearer
from b2bua.commands.line import build_parser
from docs.commands import every_command
from storage.records import USUAL_SCOPES, Scope
from tests.commands.conftest import Desk


def test_every_argument_of_every_command_is_explained() -> None:
    silent = [
        f"{parser.prog} {action.dest}"
        for parser in every_command(build_parser())
        for action in parser._actions
        if not action.help
    ]
    assert silent == []


def test_no_text_is_of_an_argument_that_there_is_not() -> None:
    actions = [action for parser in every_command(build_parser()) for action in parser._actions]
    declared = {name for action in actions for name in (*action.option_strings, action.dest)}
    assert set(ARGUMENT_TEXTS) <= declared


def test_the_scopes_that_a_key_does_not_have_by_default_are_named() -> None:
    [create] = [parser for parser in every_command(build_parser()) if parser.prog.endswith("key create")]
    [scopes] = [action for action in create._actions if action.dest == "scopes"]
    named = {scope for scope in Scope if scope in str(scopes.help)}
    assert named == set(Scope) - USUAL_SCOPES


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["kee"], "maskbridge: there is no command 'kee'; the nearest is key; see maskbridge --help\n"),
        (["frobnicate"], "maskbridge: there is no command 'frobnicate'; see maskbridge --help\n"),
        (
            ["audit", "--page", "x"],
            "maskbridge audit: argument --page: 'x' is no whole number; see maskbridge audit --help\n",
        ),
        (
            ["top", "--interval", "x"],
            "maskbridge top: argument --interval: 'x' is no number; see maskbridge top --help\n",
        ),
        (["key", "lst"], "maskbridge key: there is no command 'lst'; the nearest is list; see maskbridge key --help\n"),
    ],
)
def test_what_is_no_command_or_no_number_is_told_plainly(
    capsys: pytest.CaptureFixture[str], typed: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(typed)
    assert ended.value.code == 2
    assert capsys.readouterr().err == said


def test_configuration_and_json_may_stand_before_the_command(desk: Desk) -> None:
    assert desk.type("-c", str(desk.config), "--json", "org", "list", config=False) == (0, '{"data": []}\n', "")
    assert "elsewhere.toml" in desk.type("-c", "elsewhere.toml", "org", "list", config=False)[2]
    assert desk.type("-c", "elsewhere.toml", "org", "list")[0] == 0, "the one after the command counts"


def test_another_complaint_stays_as_it_is() -> None:
    assert clearer("argument --kind: invalid choice: 'x' (choose from 'a')") == (
        "argument --kind: invalid choice: 'x' (choose from 'a')"
    )
