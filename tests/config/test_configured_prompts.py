"""[prompts]: read before any call, every mistake told at once."""

from array import array
from pathlib import Path

import pytest

from b2bua.call.prompting import DuePrompts, Prompt
from b2bua.config import ConfigInvalid, load_config
from b2bua.prompts import configured_prompts, with_prompt_mistakes
from media.prompts.bundled import render_wav


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "maskbridge.toml"
    path.write_text(text)
    return path


def test_the_default_is_the_announcement_and_a_notice_that_nobody_gets(tmp_path: Path) -> None:
    prompts = configured_prompts(load_config(written(tmp_path, ""), {}))
    assert [tone.name for tone in prompts.announcements] == ["unknown_caller"]
    assert list(prompts.sounds.sounds) == [Prompt.CONSENT_NOTICE]
    assert not prompts.sounds.due(recorded=True)


def test_paths_are_relative_to_the_configuration_and_waiting_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "wait.wav").write_bytes(render_wav(array("h", [3000, -3000] * 4000)))
    text = '[prompts]\nwait = "wait.wav"\nwhisper_b = "wait.wav"\nconsent_notice = ""\nunknown_caller = ""\n'
    prompts = configured_prompts(load_config(written(tmp_path, text), {}))
    assert prompts.announcements == ()
    assert {use: tone.endless for use, tone in prompts.sounds.sounds.items()} == {
        Prompt.WAIT: True,
        Prompt.WHISPER_B: False,
        Prompt.CONSENT_NOTICE: False,  # whoever is to be told of the recording is told, by the product's own
    }
    assert prompts.sounds.sounds[Prompt.WAIT].samples == 8000
    assert prompts.sounds.due(recorded=True) == DuePrompts((), (Prompt.WHISPER_B,), 1.0)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(render_wav(array("h", [3000, -3000] * 44_000)))
    text = '[prompts]\nwait = "none.wav"\nbalance_warning = "long.wav"\nunknown_caller = "bundled:x"\n'
    with pytest.raises(ConfigInvalid) as raised:
        configured_prompts(load_config(written(tmp_path, text), {}))
    assert [mistake.partition(":")[0] for mistake in raised.value.mistakes] == [
        "prompts.wait",
        "prompts.balance_warning",
        "prompts.unknown_caller",
    ]
    assert "11 s long; 10 s are the most" in raised.value.mistakes[1]


def test_prompts_are_told_of_together_with_what_else_is_wrong(tmp_path: Path) -> None:
    text = '[prompts]\nwait = "none.wav"\nconsent = "all"\n[calls]\nring_timeout_s = 1\n'
    with pytest.raises(ConfigInvalid) as raised:
        load_config(written(tmp_path, text), {})
    keys = [mistake.partition(":")[0] for mistake in with_prompt_mistakes(raised.value).mistakes]
    assert keys == ["calls.ring_timeout_s", "prompts.consent", "prompts.wait"]
    with pytest.raises(ConfigInvalid) as raised:
        load_config(tmp_path / "nowhere.toml", {})
    assert with_prompt_mistakes(raised.value) is raised.value
    with pytest.raises(ConfigInvalid) as raised:
        load_config(written(tmp_path, "[calls]\nring_timeout_s = 1\n"), {})
    assert with_prompt_mistakes(raised.value) is raised.value
