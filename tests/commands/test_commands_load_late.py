"""What a command needs is loaded when it runs: everything it names is there, and the line alone loads no server."""

import argparse
import subprocess
import sys
from collections.abc import Iterator

from b2bua.commands import line


def commands_of(parser: argparse.ArgumentParser) -> Iterator[line.Later]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from commands_of(below)
    run = parser.get_default("run")
    if run is not None:
        yield run


def test_every_command_is_there() -> None:
    found = list(commands_of(line.build_parser()))
    assert len(found) > 40
    assert all(callable(later.load()) for later in found)


def test_the_line_alone_loads_no_server() -> None:
    code = (
        "import sys, b2bua.commands.line; print(*(n for n in ('aiohttp', 'media', 'b2bua.switch') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout.split() == []
