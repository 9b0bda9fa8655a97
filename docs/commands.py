"""The commands, as their parser tells them."""

import argparse
from collections.abc import Iterator

from b2bua.commands.line import build_parser


def commands_page() -> str:
    """Every command with its arguments."""
    parts = [
        "# Commands\n",
        "Every command takes `-c FILE` (default `./maskbridge.toml`, then `MASKBRIDGE_CONFIG`) and `--json`, works "
        "while the server runs unless it says otherwise, and fails with one clear line on standard error and a status "
        "that is not 0.\n",
    ]
    for parser in every_command(build_parser()):
        parts.append(f"## {parser.prog}\n\n{_sentence(parser.description or '')}\n")
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        parts.append(f"```text\n{usage}\n```\n")
        rows = [row for action in parser._actions if (row := _row(action))]
        if rows:
            parts.append("| argument | what it says |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def every_command(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all that can be run."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for each in group.choices.values():
            yield from every_command(each)


def _row(action: argparse.Action) -> str:
    if action.dest in ("help", "config", "json"):
        return ""
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    takes = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
    said = (action.help or "").replace("|", "\\|")
    needed = "required. " if action.required and action.option_strings else ""
    return f"| `{name}{takes}` | {needed}{said} |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
