"""DTLS where memory that was written is never run: what the shipped unit's MemoryDenyWriteExecute denies a service."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3]
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
REFUSED = 77
SHAKE_SHUT_IN = f"""
import ctypes, sys
sys.exit({REFUSED}) if ctypes.CDLL(None).prctl({PR_SET_MDWE}, {REFUSE_EXEC_GAIN}, 0, 0, 0) else None
from tests.media.webrtc.test_rfc5764_dtls_srtp import (
    test_a_certificate_that_is_not_the_offers_is_refused, test_both_sides_have_the_same_keys
)
test_both_sides_have_the_same_keys()
test_a_certificate_that_is_not_the_offers_is_refused()
"""


def test_browsers_get_their_keys_in_a_service_that_is_shut_in() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHAKE_SHUT_IN], cwd=HERE, capture_output=True, text=True, timeout=50, check=False
    )
    if done.returncode == REFUSED:
        pytest.skip("this kernel cannot deny it (before Linux 6.3)")
    assert (done.returncode, done.stderr) == (0, "")
