"""[prompts]: read before any call, every mistake told at once."""

from array import array
from pathlib import Path

import pytest

from b2bua.config import ConfigInvalid, load_config
from b2bua.prompts import configured_prompts
from media.prompts.conversion import render_wav


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "maskbridge.toml"
    path.write_text(text)
    return path


def test_the_default_is_the_announcement_alone(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, ""), {})
    assert [tone.name for tone in configured_prompts(config)] == ["unknown_caller"]


def test_paths_are_relative_to_the_configuration_and_waiting_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "wait.wav").write_bytes(render_wav(array("h", [3000, -3000] * 4000)))
    config = load_config(written(tmp_path, '[prompts]\nwait = "wait.wav"\nunknown_caller = ""\n'), {})
    [tone] = configured_prompts(config)
    assert (tone.name, tone.endless, tone.samples) == ("ringback", True, 8000)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(render_wav(array("h", [3000, -3000] * 44_000)))
    text = '[prompts]\nwait = "none.wav"\nbalance_warning = "long.wav"\nunknown_caller = "bundled:x"\n'
    with pytest.raises(ConfigInvalid) as raised:
        configured_prompts(load_config(written(tmp_path, text), {}))
    assert [mistake.partition(":")[0] for mistake in raised.value.mistakes] == [
        "prompts.wait",
        "prompts.unknown_caller",
        "prompts.balance_warning",
    ]
