import json
from pathlib import Path
from typing import Any

import pytest

from b2bua.commands.line import run

A_TRUNK = """
[[trunks]]
name = "carrier"
uri = "sip:192.0.2.77:5060"
numbers = ["917969002802", "917969002803"]
max_calls = 30
cps = 5

[[trunks]]
name = "spare"
uri = "sip:192.0.2.78:5060"
numbers = ["917969002802"]
"""


class Desk:
    """Where an operator types: a folder made by `init`, commands carried out in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "maskbridge.toml"
        self._capsys = capsys

    def type(self, *arguments: str, config: bool = True) -> tuple[int, str, str]:
        """Carry out a command: its status, stdout, stderr."""
        self._capsys.readouterr()
        try:
            status = run([*arguments, *(["-c", str(self.config)] if config else [])])
        except SystemExit as left:
            status = int(str(left.code or 0))
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def json(self, *arguments: str) -> dict[str, Any]:
        """The one JSON object of a command that succeeds."""
        status, out, err = self.type(*arguments, "--json")
        assert (status, err) == (0, "")
        assert out.count("\n") == 1, "one object on one line"
        answer = json.loads(out)
        assert isinstance(answer, dict)
        return answer

    def refused(self, *arguments: str) -> str:
        """The one line of a command that fails."""
        status, out, err = self.type(*arguments, "--json")
        assert status != 0
        assert out == ""
        assert err.startswith("maskbridge")
        assert err.count("\n") == 1, f"not one line: {err}"
        return err

    def add_trunks(self, text: str = A_TRUNK) -> None:
        """Name trunks in the configuration."""
        kept = self.config.read_text("utf-8").partition("[[trunks]]")[0].removesuffix("# ")
        self.config.write_text(kept + text, "utf-8")

    def org(self) -> str:
        """A new organisation's id."""
        return str(self.json("org", "create", "Acme")["org_id"])


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A fresh installation."""
    monkeypatch.delenv("MASKBRIDGE_CONFIG", raising=False)
    made = Desk(tmp_path / "home", capsys)
    status, _, err = made.type("init", "--dir", str(made.folder), config=False)
    assert (status, err) == (0, "")
    return made
