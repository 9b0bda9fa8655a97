"""maskbridge: a number-masking SIP B2BUA with a REST API."""

from typing import Final

__version__: Final = "0.1.0"
