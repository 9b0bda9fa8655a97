"""What of the prompts there are is due before the bridge, and what several choices come to."""

import pytest

from b2bua.call.prompting import NOTHING_DUE, DuePrompts, Prompt, chosen, due_prompts
from storage.records import Consent, PromptChoice

LENGTHS_S = {Prompt.WAIT: 50.0, Prompt.WHISPER_A: 3.0, Prompt.WHISPER_B: 5.0, Prompt.CONSENT_NOTICE: 2.0}
A, B, NOTICE = Prompt.WHISPER_A, Prompt.WHISPER_B, Prompt.CONSENT_NOTICE


@pytest.mark.parametrize(
    ("consent", "due"),
    [
        (Consent.BOTH, DuePrompts((A, NOTICE), (B, NOTICE), 7.0)),
        (Consent.A, DuePrompts((A, NOTICE), (B,), 5.0)),
        (Consent.B, DuePrompts((A,), (B, NOTICE), 7.0)),
        (Consent.NONE, DuePrompts((A,), (B,), 5.0)),
    ],
)
def test_the_notice_follows_the_whisper_of_whom_it_is_for(consent: Consent, due: DuePrompts) -> None:
    assert due_prompts(LENGTHS_S, consent, recorded=True) == due
    assert due.notice == (consent is not Consent.NONE)
    assert due_prompts(LENGTHS_S, consent, recorded=False) == DuePrompts((A,), (B,), 5.0)


def test_a_call_may_have_nothing_due() -> None:
    assert due_prompts({}, Consent.BOTH, recorded=True) == NOTHING_DUE
    assert not due_prompts({Prompt.WAIT: 5.0, Prompt.BALANCE_WARNING: 1.0}, Consent.BOTH, recorded=True)
    assert due_prompts({NOTICE: 2.0}, Consent.A, recorded=True) == DuePrompts((NOTICE,), (), 2.0)


def test_the_first_choice_that_says_something_counts_for_each_prompt() -> None:
    call = PromptChoice(wait="", consent=Consent.NONE)
    organisation = PromptChoice(wait="ours", whisper_b="shop", consent=Consent.BOTH)
    assert chosen(call, organisation) == PromptChoice(wait="", whisper_b="shop", consent=Consent.NONE)
    assert chosen(PromptChoice(), organisation) == organisation
    assert chosen() == PromptChoice()
