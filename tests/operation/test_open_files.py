"""`serve` asks for as many open files as its calls need."""

import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.commands import operation
from b2bua.commands.line import run

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "wanted", "asked", "warned"),
    [
        ((1024, 524_288), 6_000, (6_000, 524_288), False),
        ((1024, UNLIMITED), 6_000, (6_000, UNLIMITED), False),
        ((1024, 4_096), 6_000, (4_096, 4_096), True),
        ((4_096, 4_096), 6_000, (4_096, 4_096), True),
        ((20_000, 20_000), 6_000, None, False),
        ((UNLIMITED, UNLIMITED), 6_000, None, False),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limits: tuple[int, int],
    wanted: int,
    asked: tuple[int, int] | None,
    warned: bool,
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _what, pair: set_to.append(pair))
    with caplog.at_level(logging.WARNING):
        operation._allow_open_files(wanted)
    assert set_to == ([] if asked is None else [asked])
    assert ("calls.max_concurrent asks for 6000" in caplog.text) == warned


def test_a_limit_that_nothing_can_run_with_is_told_in_one_line(tmp_path: Path) -> None:
    assert run(["init", "--dir", str(tmp_path)]) == 0
    typed = ["serve", "-c", str(tmp_path / "maskbridge.toml")]
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12)); "
    served = limited + f"from b2bua.commands.line import run; sys.exit(run({typed!r}))"
    done = subprocess.run([sys.executable, "-c", served], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line for line in done.stderr.splitlines() if " WARNING " not in line]
    assert told == ["maskbridge: this process may have 12 files open: raise the limit (ulimit -n, LimitNOFILE=)"]
