"""`prompt`: organisations' prompts, beside a running server."""

from array import array
from pathlib import Path
from typing import Any

import pytest

from media.prompts.bundled import render_wav


@pytest.fixture
def wav(tmp_path: Path) -> str:
    path = tmp_path / "order.wav"
    path.write_bytes(render_wav(array("h", [3000, -3000] * 8000)))
    return str(path)


def test_a_prompt_is_added_listed_and_deleted(desk: Any, wav: str) -> None:
    org = desk.org()
    made = desk.json("prompt", "add", "--org", org, "order", wav)
    assert made == {"org_id": org, "name": "order", "duration_sec": 2.0, "replaced": False}
    assert desk.json("prompt", "add", "--org", org, "order", wav)["replaced"] is True
    _, out, _ = desk.type("prompt", "list", "--org", org)
    assert "order" in out
    assert len(list((desk.folder / "var" / "prompts").glob("*.wav"))) == 1
    desk.json("prompt", "delete", "--org", org, "order")
    assert "No such prompt" in desk.refused("prompt", "delete", "--org", org, "order")


def test_what_is_chosen_stays_until_it_is_chosen_otherwise(desk: Any, wav: str) -> None:
    org = desk.org()
    desk.json("prompt", "add", "--org", org, "order", wav)
    made = desk.json("prompt", "choose", "--org", org, "--whisper-b", "order", "--consent", "both")
    assert made == {
        "org_id": org,
        "wait": None,
        "whisper_a": None,
        "whisper_b": "order",
        "consent": "both",
        "consent_notice": None,
        "balance_warning": None,
    }
    made = desk.json("prompt", "choose", "--org", org, "--wait", "none", "--consent", "default")
    assert (made["wait"], made["whisper_b"], made["consent"]) == ("", "order", None)
    assert "chosen as whisper_b" in desk.refused("prompt", "delete", "--org", org, "order")


def test_mistakes_are_told_in_one_line(desk: Any, wav: str, tmp_path: Path) -> None:
    org = desk.org()
    assert "there is no organisation nobody" in desk.refused("prompt", "add", "--org", "nobody", "order", wav)
    assert "name: A name has" in desk.refused("prompt", "add", "--org", org, "Order", wav)
    assert "no such file" in desk.refused("prompt", "add", "--org", org, "order", str(tmp_path / "none.wav")).lower()
    (tmp_path / "x.wav").write_bytes(b"ID3")
    assert "it is no WAV file" in desk.refused("prompt", "add", "--org", org, "order", str(tmp_path / "x.wav"))
    assert "wait: There is no prompt" in desk.refused("prompt", "choose", "--org", org, "--wait", "order")
