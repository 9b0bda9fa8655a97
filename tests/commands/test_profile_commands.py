"""`profile list` and `profile show`: what comes with the product, without a configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from b2bua.commands.line import run


def test_the_profiles_are_listed_and_shown_where_there_is_no_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["profile", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["data"]
    assert {"name": "plain-ip"}.items() <= rows[-1].items()
    assert run(["profile", "show", "airtel-type"]) == 0
    assert 'uri = "sip:sip.carrier.example:5068"' in capsys.readouterr().out
    assert run(["profile", "show", "airtel-type", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "airtel-type"
    assert run(["profile", "show", "bharat-type"]) == 1
    said = capsys.readouterr().err
    assert "airtel-type, exotel-type, jio-type, plain-ip" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["airtel-type", "exotel-type", "jio-type", "plain-ip"])
def test_a_shown_profile_put_into_the_configuration_passes_check(desk: Any, name: str) -> None:
    _, text, _ = desk.type("profile", "show", name, config=False)
    desk.add_trunks(text.replace("sip.carrier.example", "127.0.0.1").replace("sbc.carrier.example", "127.0.0.1"))
    answer = desk.json("check")
    assert answer["valid"] is True
    assert [row["name"] for row in answer["trunks"]] == [name]
