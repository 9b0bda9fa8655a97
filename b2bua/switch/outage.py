"""What fails again and again while it is away, and how often that is told."""


class Outage:
    """Counts failures in a row. The first is to be told, the second, the fourth, the eighth and so on: an hour of one
    each second has twelve lines in the log."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = 0

    def failed(self) -> bool:
        """Once more; whether that is to be told."""
        self._failures += 1
        return self._failures & (self._failures - 1) == 0

    def over(self) -> int:
        """It went well: after how many failures."""
        failures, self._failures = self._failures, 0
        return failures
