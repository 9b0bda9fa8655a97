"""A start of the server waits for no library that only some requests, or browsers, need."""

import subprocess
import sys

SELDOM_NEEDED = ("reportlab", "razorpay", "requests", "aioice", "OpenSSL")


def test_what_draws_invoices_and_takes_payments_is_loaded_when_it_is_needed() -> None:
    code = f"import sys, b2bua.server; print(*(name for name in {SELDOM_NEEDED} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout.split() == []
