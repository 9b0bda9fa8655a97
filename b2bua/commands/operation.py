"""Commands that run things: init, serve, demo."""

import argparse
import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Final

import uvloop

from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config, default_config_text, effectless, load_config
from b2bua.server import CannotListen, serve
from b2bua.sole_use import InUse
from b2bua.tokens import SystemTokens
from storage.store import Store

GC_THRESHOLD: Final = 20_000  # objects; a call makes some hundred, and nearly all of them go by reference counting


def init(options: argparse.Namespace, output: Output) -> int:
    """`init [--dir DIR]`: a commented configuration, its secrets and an empty database. Overwrites nothing."""
    folder = Path(options.dir)
    path = folder / "maskbridge.toml"
    if path.exists():
        raise CommandFailed(f"{path} exists; it is left as it is")
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    secrets.chmod(0o700)
    made = [_secret(secrets / name) for name in ("url_signing.key", "master.key")]
    path.write_text(default_config_text(), encoding="utf-8")
    config = load_config(path, os.environ)
    asyncio.run(_create_database(config))
    output.one(
        {"config": str(path), "secrets": [str(secret) for secret in made], "database": config.storage.url},
        f"wrote {path}; name your trunk in it, then: maskbridge check -c {path}",
    )
    return 0


def run_server(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`serve`: run until SIGTERM or ctrl-C."""
    logging.basicConfig(
        level=os.environ.get("MASKBRIDGE_LOG", "INFO"),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for line in (*config.warnings, *effectless(config)):
        logging.getLogger("b2bua").warning("%s", line)
    # What is loaded by now lives as long as the process: the collector need not look at it again, nor look so often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    sys.setswitchinterval(0.001)  # the packet path's thread waits at most so long for the event loop's
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config, output.line))
    except (CannotListen, InUse) as error:
        raise CommandFailed(str(error)) from error
    return 0


def demo(options: argparse.Namespace, output: Output) -> int:
    """`demo`: a masked call between two softphones on this machine."""
    from b2bua.demo.run import run_demo

    if options.calls < 1 or options.calls > 20:
        raise CommandFailed("--calls takes 1 to 20")
    return asyncio.run(run_demo(options.calls, Path(options.keep) if options.keep else None, sys.stdout))


def _secret(path: Path) -> Path:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(SystemTokens().hex(64) + "\n")
    return path


async def _create_database(config: Config) -> None:
    await (await Store.open(config.storage.url)).close()
