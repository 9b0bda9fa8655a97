"""What a benchmark prints: Markdown's tables, at once."""

import sys
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table."""
    say("")
    say("| " + " | ".join(head) + " |")
    say("|" + "---|" * len(head))
    for row in rows:
        say("| " + " | ".join(row) + " |")


def say(line: str) -> None:
    """A line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
