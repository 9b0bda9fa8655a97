"""What a route matches: in time that grows with the length of what was dialled, whatever the pattern."""

import re
import subprocess
import sys

import pytest

from b2bua.config.dialled_pattern import DialledPattern, PatternUnusable

LONGEST_DIALLED = 128


@pytest.mark.parametrize(
    ("pattern", "dialled", "fits"),
    [
        ("91[0-9]{10}", "917969002802", True),
        ("91[0-9]{10}", "9179690028021", False),
        ("91[0-9]{10}", "0917969002802", False),
        (r"\+?(?P<country>91)?\d+", "+917969002802", True),
        (".*", "", True),
        (".*", "caf\u00e9", True),
        (".*", "\udcff\x00", True),
        ("[^0-9]+", "\udcff", True),
        ("a|b", "ab", False),
    ],
)
def test_the_whole_of_what_was_dialled_is_matched(pattern: str, dialled: str, fits: bool) -> None:
    assert DialledPattern(pattern).matches(dialled) is fits
    assert (re.fullmatch(pattern, dialled) is not None) is fits


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}b", "(a*)*b", "([a-z]+)*[0-9]"])
def test_no_pattern_takes_long_over_what_anybody_may_dial(pattern: str) -> None:
    # In a process of its own: what backtracks can be stopped by nothing else.
    program = (
        "from b2bua.config.dialled_pattern import DialledPattern\n"
        f"print(DialledPattern({pattern!r}).matches('a' * {LONGEST_DIALLED}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "pattern", ["[", "(", "a{1001}", r"(a)\1", "(?=a)b", "(?<!0)91", "((a{99}){99}){99}", "\udcff"]
)
def test_what_cannot_be_matched_so_is_refused(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PatternUnusable) as refusal:
        DialledPattern(pattern)
    assert str(refusal.value)
    assert not str(refusal.value).startswith("b'")
    assert capfd.readouterr() == ("", ""), "the library writes to nobody's terminal by itself"


def test_two_of_the_same_text_are_the_same() -> None:
    assert DialledPattern("91.*") == DialledPattern("91.*")
    assert DialledPattern("91.*") != DialledPattern("92.*")
