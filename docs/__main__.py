"""`python -m docs`: build the site, unless it is there and still true."""

import sys
from pathlib import Path

from docs.building import SITE, build, is_current


def main() -> None:
    """Exits with 0 when the site is there and says what the sources say."""
    root = Path(__file__).resolve().parents[1]
    if not is_current(root, SITE):
        sys.stderr.write("maskbridge: building the documentation\n")
        build(root, SITE)


if __name__ == "__main__":
    main()
