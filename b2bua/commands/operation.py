"""Commands that run things: init, serve, demo."""

import argparse
import asyncio
import gc
import logging
import os
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from b2bua import __version__, logs
from b2bua.commands.output import DEFAULT_CONFIG, CommandFailed, Output
from b2bua.config import Config, default_config_text, load_config
from b2bua.listening import CannotListen
from b2bua.server import serve
from b2bua.sole_use import InUse
from b2bua.tokens import SystemTokens
from storage.store import Store

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# RTP and RTCP of two legs, the recording, and what calls the transcoder to the conversion and the listener of each leg.
FILES_PER_CALL: Final = 9
FEWEST_FILES: Final = 24  # with fewer no server comes up, and with a dozen not even its event loop
OTHER_FILES: Final = 3_000  # the API may have 2,000 connections; SIP connections, webhooks, database, worker processes
# The event loop's threads for looking names up, of which libuv lets half do so at once. Each connection has its turn
# there, also one to an address: of the four that libuv begins with, two names without an answer keep all up.
LOOKUP_THREADS: Final = 64
GC_THRESHOLD: Final = 20_000  # objects; a call makes some hundred, and nearly all of them go by reference counting


def init(options: argparse.Namespace, output: Output) -> int:
    """`init [--dir DIR]`: a commented configuration, its secrets and an empty database. Overwrites nothing."""
    path = Path(options.dir) / (options.config or DEFAULT_CONFIG)
    if path.exists():
        raise CommandFailed(f"{path} exists; it is left as it is")
    secrets = path.parent / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    secrets.chmod(0o700)
    made = [_secret(secrets / name) for name in ("url_signing.key", "master.key")]
    try:
        path.write_text(default_config_text(), encoding="utf-8")
        config = load_config(path, os.environ)
        asyncio.run(_create_database(config))
    except BaseException:
        path.unlink(missing_ok=True)  # so that the same command can be typed again once the obstacle is gone
        raise
    output.one(
        {"config": str(path), "secrets": [str(secret) for secret in made], "database": config.storage.url},
        f"wrote {path}; name your trunk in it (ready-made ones: maskbridge profile list), then: "
        f"maskbridge check -c {path}",
    )
    return 0


def run_server(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`serve`: run until SIGTERM, ctrl-C or its terminal's end."""
    logs.install(config.log.format, _log_level(os.environ.get("MASKBRIDGE_LOG", "")), sys.stderr)
    for line in config.warnings:
        logging.getLogger("b2bua").warning("%s", line)
    _allow_open_files(config.calls.max_concurrent * FILES_PER_CALL + OTHER_FILES)
    more_lookup_threads()
    # What is loaded by now lives as long as the process: the collector need not look at it again, nor look so often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    sys.setswitchinterval(0.001)  # the packet path's thread waits at most so long for the event loop's
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config, partial(_announce, output, config.api.public_url)))
    except (CannotListen, InUse) as error:
        raise CommandFailed(str(error)) from error
    return 0


def more_lookup_threads() -> None:
    """Have `LOOKUP_THREADS`, unless the environment says how many; before the first event loop looks a name up."""
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(LOOKUP_THREADS))


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of open files as far as needed and allowed; many systems begin with 1024. Raises CommandFailed
    where nothing can run with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    if most < FEWEST_FILES:
        raise CommandFailed(f"this process may have {most} files open: raise the limit (ulimit -n, LimitNOFILE=)")
    if most < wanted:
        logging.getLogger("b2bua").warning(
            "this process may have %d files open, calls.max_concurrent asks for %d: raise the limit "
            "(ulimit -n, LimitNOFILE=), or the last calls are refused",
            most,
            wanted,
        )


def _log_level(name: str) -> str:
    level = name.strip().upper() or "INFO"
    if level not in LOG_LEVELS:
        raise CommandFailed(f"MASKBRIDGE_LOG: {name!r} is unknown; expected one of {', '.join(LOG_LEVELS)}")
    return level


def _announce(output: Output, public_url: str, sip: list[str], api: str) -> None:
    """Tell what is listened on; a stdout that takes nothing (its disk is full, its reader gone) ends no service."""
    values = {"version": __version__, "sip": sip, "api": api}
    try:
        output.one(values, f"maskbridge {__version__}: SIP on {', '.join(sip)}, API on {api}")
        output.line(f"portal at {public_url}/portal, documentation at {public_url}/docs")
    except OSError as error:
        # What is left in the buffer is tried again at the exit, and would make the status 120 there.
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
        logging.getLogger("b2bua").warning(
            "standard output cannot be written (%s): SIP on %s, API on %s", error.strerror, ", ".join(sip), api
        )


def demo(options: argparse.Namespace, output: Output) -> int:
    """`demo`: a masked call between two softphones on this machine."""
    from b2bua.demo.phone import PROGRAM
    from b2bua.demo.run import run_demo

    if options.calls < 1 or options.calls > 20:
        raise CommandFailed("--calls takes 1 to 20")
    if not PROGRAM.is_file():
        raise CommandFailed("the demo needs the repository: its phones are part of that, not of the package")
    keep = Path(options.keep) if options.keep else None
    outcome = asyncio.run(run_demo(options.calls, keep, sys.stderr if output.as_json else sys.stdout))
    if output.as_json:
        promises = [{"kept": each.kept, "text": each.text, "detail": each.detail} for each in outcome.promises]
        output.one({"kept": outcome.status == 0, "promises": promises, "files": str(outcome.folder)})
    return outcome.status


def _secret(path: Path) -> Path:
    if not path.exists():
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(SystemTokens().hex(64) + "\n")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path


async def _create_database(config: Config) -> None:
    await (await Store.open(config.storage.url)).close()
