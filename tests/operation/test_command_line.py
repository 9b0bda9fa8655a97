"""What an operator may type, and in which order the configuration is looked for."""

import json
from pathlib import Path

import pytest

from b2bua.commands import operation
from b2bua.commands.line import config_path, run
from b2bua.demo import phone


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """An empty folder, worked in."""
    monkeypatch.delenv("MASKBRIDGE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        status = run(arguments)
    except SystemExit as left:
        status = int(str(left.code or 0))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_configuration_is_looked_for_in_the_documented_order(home: Path) -> None:
    there = {"MASKBRIDGE_CONFIG": "/etc/maskbridge.toml"}
    assert config_path(None, {}) == Path("maskbridge.toml")
    assert config_path(None, there) == Path("/etc/maskbridge.toml")
    assert config_path(None, {"MASKBRIDGE_CONFIG": ""}) == Path("maskbridge.toml")
    (home / "maskbridge.toml").touch()
    assert config_path(None, there) == Path("maskbridge.toml")
    assert config_path("mine.toml", there) == Path("mine.toml")


def test_every_command_takes_a_configuration(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _typed(capsys, "init", "--dir", "etc", "-c", "mine.toml", "--json")
    assert (status, json.loads(out)["config"]) == (0, "etc/mine.toml")
    assert (home / "etc" / "secrets" / "master.key").is_file()
    assert _typed(capsys, "org", "list", "-c", "etc/mine.toml")[0] == 0
    assert "--calls takes" in _typed(capsys, "demo", "-c", "etc/mine.toml", "--calls", "0")[2]


def test_an_init_that_could_not_be_finished_can_be_typed_again(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "var").write_text("in the way")
    status, out, err = _typed(capsys, "init")
    assert (status, out) == (1, "")
    assert err.startswith("maskbridge: storage.url: ")
    assert err.count("\n") == 1
    (home / "var").unlink()
    assert _typed(capsys, "init")[0] == 0


def test_what_the_system_refuses_names_the_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "file").touch()
    assert _typed(capsys, "init", "--dir", "file")[2] == "maskbridge: file/secrets: Not a directory\n"


@pytest.mark.parametrize(
    "url", ["http://exa mple/", "http://x.example:0/", "https://x.example/\n", "http://[::1", "http:/x"]
)
def test_a_webhook_that_cannot_be_posted_to_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    org = _organisation(capsys)
    status, out, err = _typed(capsys, "webhook", "add", "--org", org, "--url", url)
    assert (status, out) == (1, "")
    assert "not an http or https address" in err


def test_a_webhook_that_nothing_will_be_sent_to_is_said_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    org = _organisation(capsys)
    _, out, _ = _typed(capsys, "webhook", "add", "--org", org, "--url", "http://127.0.0.1:9000/hook")
    assert "note: nothing will be sent there while webhooks.allow_private_targets is false" in out
    config = home / "maskbridge.toml"
    config.write_text(config.read_text().replace("allow_private_targets = false", "allow_private_targets = true"))
    _, out, _ = _typed(capsys, "webhook", "add", "--org", org, "--url", "http://127.0.0.1:9000/hook")
    assert "note" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("org", "create", "two\nlines"),
        ("org", "create", "x", "--gstin", "29ABCDE1234F1Z"),
        ("org", "create", "x", "--state", "s" * 201),
        ("wallet", "credit", "--org", "ORG", "--rupees", "1", "--reference", " "),
        ("wallet", "credit", "--org", "ORG", "--rupees", "1", "--reference", "r" * 201),
        ("key", "create", "--org", "ORG", "--name", "a\tb"),
    ],
)
def test_words_that_break_a_table_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    org = _organisation(capsys)
    status, out, err = _typed(capsys, *(org if each == "ORG" else each for each in arguments))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1


def test_an_unknown_log_level_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _typed(capsys, "init")[0] == 0
    monkeypatch.setenv("MASKBRIDGE_LOG", "loud")
    status, out, err = _typed(capsys, "serve")
    assert (status, out) == (1, "")
    assert err.startswith("maskbridge: MASKBRIDGE_LOG: 'loud' is unknown")
    assert err.count("\n") == 1


def test_a_defect_of_a_running_server_is_no_number_that_was_typed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*_: object) -> int:
        raise OverflowError("int too large to convert")

    assert _typed(capsys, "init")[0] == 0
    monkeypatch.setattr(operation, "run_server", spoilt)
    with pytest.raises(OverflowError):
        run(["serve"])


def test_the_demo_of_a_package_without_its_phones_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone, "PROGRAM", home / "pyvoip_phone.py")
    status, out, err = _typed(capsys, "demo", "--json")
    assert (status, out) == (1, "")
    assert err == "maskbridge: the demo needs the repository: its phones are part of that, not of the package\n"


def test_money_is_shown_with_two_decimals(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    org = _organisation(capsys)
    _, out, _ = _typed(capsys, "wallet", "credit", "--org", org, "--rupees", "500", "--reference", "x")
    assert out.splitlines()[-1].split() == ["balance", "500.00"]


def _organisation(capsys: pytest.CaptureFixture[str]) -> str:
    assert _typed(capsys, "init")[0] == 0
    return str(json.loads(_typed(capsys, "org", "create", "Acme", "--json")[1])["org_id"])
