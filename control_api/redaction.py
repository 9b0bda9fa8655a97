"""Numbers as a log may show them: `98******10`."""

import logging
import re
import traceback
from typing import Final

_LONG_NUMBER: Final = re.compile(r"[0-9](?:[ -]?[0-9]){6,}")


def redact_text(text: str) -> str:
    """The text with every number of seven digits or more cut down to its first and last two."""
    return _LONG_NUMBER.sub(_cut, text)


class NumberFree(logging.Filter):
    """Redacts each line of a logger, its traceback included, which may quote a number."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; it is never held back."""
        record.msg = redact_text(record.getMessage())
        record.args = None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = redact_text("".join(traceback.format_exception(record.exc_info[1])).rstrip())
            record.exc_info = None
        return True


def number_free_logger(name: str) -> logging.Logger:
    """The logger of this name, with its lines redacted."""
    logger = logging.getLogger(name)
    if not any(isinstance(present, NumberFree) for present in logger.filters):
        logger.addFilter(NumberFree())
    return logger


def _cut(match: re.Match[str]) -> str:
    number = match.group()
    return f"{number[:2]}******{number[-2:]}"
