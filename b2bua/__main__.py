"""`maskbridge`, also `python -m b2bua`."""

import os
import sys

from b2bua.commands.line import run


def main() -> None:
    """The console entry point: exits with the command's status."""
    _open_standard_streams()
    sys.exit(run(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Where a supervisor closed stdin, stdout or stderr, let it be /dev/null: else the first file opened gets its
    number, a database among them, and whatever is written to stderr is written into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
