"""Loggers whose lines show no number: `98******10`."""

import logging
import traceback

from b2bua.redaction import redact_text


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
