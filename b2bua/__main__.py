"""`maskbridge`, also `python -m b2bua`."""

import sys

from b2bua.commands.line import run


def main() -> None:
    """The console entry point: exits with the command's status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
