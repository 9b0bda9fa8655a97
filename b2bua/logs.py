"""Log lines: for people or as JSON, without numbers, and with the id of the call that a line is of."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Final, TextIO

from b2bua.redaction import redact_text

# A call's lines name it, or a leg of it as `id/a`.
_CALL: Final = re.compile(r"\b(?P<call>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(?P<leg>[ab])\b)?")
CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {10: "\\n", 13: "\\r", 9: "\\t"}
"""What a terminal would obey, as it is shown instead: a peer may have written it."""


def install(log_format: str, level: str, stream: TextIO) -> None:
    """Let every logger of the process write to `stream`: `human`, a line for people, or `json`, an object a line."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if log_format == "json" else HumanLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class HumanLines(logging.Formatter):
    """Time, level, logger, text. What follows a call's line, a traceback, names the call on each line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines."""
        text, call, _leg = _said(record)
        start = f"{self.formatTime(record)} {record.levelname:<7} {record.name}: "
        mark = f"  call {call} | " if call is not None else "  | "
        return "\n".join([start + text, *(mark + line for line in _traceback(self, record).splitlines())])


class JsonLines(logging.Formatter):
    """One object a line: `at` (RFC 3339, UTC, milliseconds), `level`, `logger`, `message`, and where they are known
    `call`, `leg` and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text, call, leg = _said(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": text}
        if call is not None:
            line["call"] = call
        if leg is not None:
            line["leg"] = leg
        exception = _traceback(self, record)
        if exception:
            line["exception"] = exception
        return json.dumps(line, ensure_ascii=False)


def _said(record: logging.LogRecord) -> tuple[str, str | None, str | None]:
    """The text on one line and without numbers, the call and the leg it is of."""
    text = redact_text(record.getMessage()).translate(CONTROLS)
    found = _CALL.search(text)
    return (text, None, None) if found is None else (text, found["call"], found["leg"])


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    exception = record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else "")
    return redact_text(exception)
