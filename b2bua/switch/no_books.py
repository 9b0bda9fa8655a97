"""The books of calls that are nobody's: relayed by a route without an organisation, neither billed nor written down."""

from collections.abc import Callable

from storage.records import CallRecord, WebhookEvent


class NoBooks:
    """Writes nothing, so that nothing need be made up for it. `path_of` gives a recording its place; its file is all
    that is left of such a call."""

    keeps = False

    def __init__(self, path_of: Callable[[CallRecord], str]) -> None:
        self._path_of = path_of

    def write(self, record: CallRecord, event: WebhookEvent) -> CallRecord:
        """Keep nothing."""
        return record

    def extend(self, record: CallRecord, reserved_pulses: int, pulses: int, done: Callable[[int], None]) -> None:
        """There is always time left."""
        done(pulses)

    def settle(self, record: CallRecord, event: WebhookEvent) -> None:
        """Keep nothing."""

    def recording_path(self, record: CallRecord) -> str:
        """A free path for the call's recording, relative to the recordings folder."""
        return self._path_of(record)
